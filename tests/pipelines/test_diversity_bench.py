"""The curve of quality against difference."""

import json

import numpy as np
import pytest

from pipelines.diversity_bench import Row, cells, curves, measure
from pipelines.run_directory import RunDirectory
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.metrics import Exposure
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL


def test_a_table_tells_gain_and_loss():
    base = Row(
        method="score",
        strength=0.0,
        metric="ndcg@10",
        quality=Estimate(mean=0.2, low=0.1, high=0.3, n=50),
        change=None,
        distance=Estimate(mean=0.5, low=0.4, high=0.6, n=50),
        exposure=Exposure(coverage=0.25, gini=0.9),
        milliseconds=0.0123,
    )
    other = Row(
        method="dpp",
        strength=0.25,
        metric="ndcg@10",
        quality=Estimate(mean=0.19, low=0.1, high=0.3, n=50),
        change=Difference(mean=-0.01, low=-0.02, high=-0.005, n=50, differing=40),
        distance=Estimate(mean=0.7, low=0.6, high=0.8, n=50),
        exposure=Exposure(coverage=0.5, gini=0.8),
        milliseconds=0.5,
    )
    first, second = cells([base, other])[1:]
    assert first == [
        "score", "0", "0.2000 [0.1000, 0.3000]", "", "0.5000 [0.4000, 0.6000]", "25.0%", "0.900", "0.012"
    ]  # fmt: skip
    assert second[:4] == ["dpp", "0.25", "0.1900 [0.1000, 0.3000]", "-0.0100 [-0.0200, -0.0050]"]
    assert second[4:] == ["0.7000 [0.6000, 0.8000]", "50.0%", "0.800", "0.500"]


@pytest.fixture(scope="module")
def rows(evaluated):
    return list(curves(RunDirectory.open(evaluated), ["1", "0", ".3"]))


def test_the_curve_begins_with_the_evaluations_lists(rows, evaluated):
    assert [(row.method, row.strength) for row in rows] == [
        ("score", 0),
        ("mmr", 0.3),
        ("mmr", 1),
        ("dpp", 0.3),
        ("dpp", 1),
    ]
    ours = Evaluation.load(evaluated / "evaluation").methods["recsys"].scores[OVERALL]["ndcg@10"]
    assert (rows[0].quality.mean, rows[0].quality.n) == (pytest.approx(ours.mean), ours.n)
    assert (rows[0].quality.low, rows[0].quality.high) == pytest.approx((ours.low, ours.high))
    assert rows[0].change is None
    for row in rows[1:]:
        assert row.change.mean == pytest.approx(row.quality.mean - ours.mean)


def test_the_stronger_the_more_different(rows):
    for method in ("mmr", "dpp"):
        apart = [rows[0].distance.mean, *(row.distance.mean for row in rows if row.method == method)]
        assert (np.diff(apart) >= 0).all()
        assert apart[-1] > 1.5 * apart[0]
        assert [row.quality.mean for row in rows if row.method == method][-1] < rows[0].quality.mean


def test_json_has_the_same_figures(evaluated, rows, capsys):
    measure(evaluated, [".3"], form="json")
    told = json.loads(capsys.readouterr().out)
    assert [row["distance"]["mean"] for row in told] == [rows[i].distance.mean for i in (0, 1, 3)]
    measure(evaluated, [], form="table")
    assert capsys.readouterr().out.splitlines()[0].split("  ")[0] == "method"


@pytest.mark.parametrize("told", ["1.5", "-.1", "half", "nan"])
def test_a_strength_that_is_none(evaluated, told):
    with pytest.raises(UsageError, match=rf"Expected --strengths from 0 to 1, with commas between, got {told}; corr"):
        list(curves(RunDirectory.open(evaluated), [told]))
