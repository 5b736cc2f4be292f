"""The curve of quality and time over trees."""

import json
import shutil

import pytest

from pipelines.run_directory import RunDirectory
from pipelines.trees_bench import Row, cells, curve, measure
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.ranking.ranker import Ranker
from tests.pipelines.small_run import resettled, stages


def test_a_table_tells_worth_and_time():
    own = Row(
        trees=120,
        own=True,
        metric="ndcg@10",
        quality=Estimate(mean=0.2, low=0.1, high=0.3, n=50),
        change=None,
        predicting=0.5,
        ranking=1.25,
    )
    more = Row(
        trees=300,
        own=False,
        metric="ndcg@10",
        quality=Estimate(mean=0.21, low=0.1, high=0.3, n=50),
        change=Difference(mean=0.01, low=-0.002, high=0.02, n=50, differing=40),
        predicting=1.0,
        ranking=1.753,
    )
    first, second = cells([own, more])[1:]
    assert first == ["120 (the run)", "0.2000 [0.1000, 0.3000]", "", "0.50", "1.25", "2.50"]
    assert second == [
        "300", "0.2100 [0.1000, 0.3000]", "+0.0100 [-0.0020, 0.0200]", "1.00", "1.75", "1.75"
    ]  # fmt: skip


@pytest.fixture(scope="module")
def rows(evaluated):
    own = Ranker.load(evaluated / "ranker").model.count
    return list(curve(RunDirectory.open(evaluated), ["2", str(own), "2"]))


def test_the_curve_begins_with_the_evaluations_lists(rows, evaluated):
    own = Ranker.load(evaluated / "ranker").model.count
    assert [(row.trees, row.own) for row in rows] == [(own, True), (2, False), (own, False)]
    ours = Evaluation.load(evaluated / "evaluation").methods["recsys"].scores[OVERALL]["ndcg@10"]
    assert (rows[0].quality.mean, rows[0].quality.n) == (pytest.approx(ours.mean), ours.n)
    assert (rows[0].quality.low, rows[0].quality.high) == pytest.approx((ours.low, ours.high))
    assert rows[0].change is None


def test_as_many_trees_as_the_run_has_are_the_runs(rows):
    same = rows[-1]
    assert same.change.differing == 0
    assert same.quality == rows[0].quality
    fewer = rows[1]
    assert fewer.change.differing > 0
    assert fewer.change.mean == pytest.approx(fewer.quality.mean - rows[0].quality.mean)


def test_features_take_time_beside_the_trees(rows):
    assert all(0 < row.predicting < row.ranking for row in rows)


def test_json_has_the_same_figures(evaluated, rows, capsys):
    measure(evaluated, ["2"], form="json")
    told = json.loads(capsys.readouterr().out)
    assert [row["quality"]["mean"] for row in told] == [row.quality.mean for row in rows[:2]]
    measure(evaluated, [], form="table")
    assert capsys.readouterr().out.splitlines()[0].split("  ")[0] == "trees"


@pytest.mark.parametrize("told", ["0", "-1", "many", "1.5"])
def test_a_count_that_is_none(evaluated, told):
    with pytest.raises(UsageError, match=rf"Expected --counts from 1, with commas between, got {told}; correct it."):
        list(curve(RunDirectory.open(evaluated), [told]))


def test_a_run_without_trees(evaluated, tmp_path):
    path = shutil.copytree(evaluated, tmp_path / "run")
    resettled(path, ranking={"kind": "linear"}, ablation={"rankers": []})
    stages(path, "train_ranker")
    with pytest.raises(
        UsageError, match=r"Expected a run whose ranker has trees, the one in \S+run is linear; bring a"
    ):
        list(curve(RunDirectory.open(path), ["2"]))
