"""Results survive JSON, and JSON that is no result is refused."""

import json
from dataclasses import replace

import pytest

from recsys.errors import ArtifactError, ShapeError
from recsys.evaluation.results import Curve, Evaluation, Measured


def test_round_trip(evaluation, tmp_path):
    evaluation.save(tmp_path)
    assert Evaluation.load(tmp_path) == evaluation


def test_metrics_json_is_plain_and_free_of_clock_readings(evaluation, tmp_path):
    evaluation.save(tmp_path)
    body = json.loads((tmp_path / "metrics.json").read_text())
    assert body["methods"]["recsys"]["scores"]["overall"]["ndcg@10"] == {
        "mean": 0.30, "low": 0.30 - 0.01, "high": 0.30 + 0.01, "n": 500,
    }  # fmt: skip
    assert body["differences"]["EASE"]["cold items"]["ndcg@10"]["low"] is None
    assert body["reliability"]["student, test window"]["ece"] == {"mean": 0.0625, "low": 0.05, "high": 0.075, "n": 321}
    assert "measured" not in body
    assert json.loads((tmp_path / "measured.json").read_text())["stage_seconds"] == {"finetune": 412.0}


def test_bytes_repeat_on_a_slower_day(evaluation, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    evaluation.save(tmp_path / "a")
    replace(evaluation, measured=Measured(stage_seconds={"finetune": 999.0})).save(tmp_path / "b")
    assert (tmp_path / "a/metrics.json").read_bytes() == (tmp_path / "b/metrics.json").read_bytes()


def test_methods_of_a_role_best_first(evaluation):
    assert evaluation.headline == "ndcg@10"
    assert evaluation.named("baseline") == ["EASE", "popularity"]
    assert evaluation.named("ours") == ["recsys"]


def test_missing_file(tmp_path):
    with pytest.raises(
        ArtifactError, match=r"Expected an evaluation at .*metrics\.json, cannot read it \(No such file"
    ):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: "{", "at the file, invalid json"),
        (lambda text: text.replace('"target": "new"', '"target": "old"'), "at target, input"),
        (lambda text: text.replace('"n": 500', '"n": "many"', 1), "overall.ndcg@10.n, input should be a valid integer"),
    ],
)
def test_altered_file(evaluation, tmp_path, edit, said):
    evaluation.save(tmp_path)
    path = tmp_path / "metrics.json"
    path.write_text(edit(path.read_text()))
    with pytest.raises(ArtifactError, match=r"is not an evaluation: at .*run the evaluate stage again") as caught:
        Evaluation.load(tmp_path)
    assert said in str(caught.value)


def test_our_method_must_be_there(evaluation):
    with pytest.raises(ShapeError, match="expected our method 'us' among"):
        replace(evaluation, ours="us")


def test_shown_metrics_must_be_there(evaluation):
    with pytest.raises(ShapeError, match=r"expected map@5 overall for 'popularity'.*missing \['map@5'\]"):
        replace(evaluation, shown=("map@5",))
    with pytest.raises(ShapeError, match="expected a metric to show"):
        replace(evaluation, shown=())


def test_differences_to_every_other_method_must_be_there(evaluation):
    with pytest.raises(ShapeError, match="for 'EASE', and as a difference of ours to it"):
        replace(evaluation, differences={"popularity": evaluation.differences["popularity"]})


@pytest.mark.parametrize("values", [(1.0,), (1.0, float("nan"))])
def test_curves_are_whole(values):
    with pytest.raises(ShapeError, match=r"expected one finite value for each of 2 steps"):
        Curve(steps=(1, 2), values=values)
