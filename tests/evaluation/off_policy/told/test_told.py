"""Which of two forms a file has, and what is neither."""

import numpy as np
import polars as pl
import pytest

from recsys.errors import ArtifactError, SchemaError, ShapeError
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.told.told import told
from recsys.ranking.config import PolicyConfig
from tests.evaluation.off_policy.asked_again import file_of, logged_of, world

ASKED = world(0, n=2)
LOGGED = logged_of(ASKED)
ROW = {"request_id": "r0", "position": 1, "item_id": ASKED[0].shown[0], "propensity": 0.5}


def write(folder, **columns):
    file = folder / "f.parquet"
    pl.DataFrame({name: [value] for name, value in columns.items()}).write_parquet(file)
    return file


def test_scores_are_drawn_from_and_probabilities_are_as_they_are(tmp_path):
    file = file_of(tmp_path, {each.name: each.scores for each in ASKED})
    found = told(file, LOGGED)
    assert isinstance(found, Target)
    np.testing.assert_allclose(found.probability, LOGGED.propensity, rtol=1e-6)
    other = told(file, LOGGED, explores=PolicyConfig(kind="epsilon_greedy", epsilon=1))
    assert other.probability[0] == 1 / len(ASKED[0].scores)
    rows = {"request_id": ["r0"] * 3, "position": [1, 2, 3], "item_id": list(ASKED[0].shown), "propensity": [0.5] * 3}
    pl.DataFrame(rows).write_parquet(file)
    assert told(file, LOGGED).probability[:3].tolist() == [0.5] * 3


@pytest.mark.parametrize("form", [ROW | {"request_id": "q"}, ROW | {"item_id": "q"}])
def test_a_file_of_another_log_is_a_refusal(tmp_path, form):
    (refusal,) = told(write(tmp_path, **form), LOGGED)
    assert refusal.name == "nothing-in-common"
    assert refusal.because == "f.parquet tells of none of the 2 answers that are evaluated."
    for scores in ({"q": {"i0": 1.0}}, {}):
        (refusal,) = told(file_of(tmp_path, scores), LOGGED)
        assert refusal.name == "nothing-in-common"


@pytest.mark.parametrize(
    "columns",
    [
        {"request_id": "r0"},
        ROW | {"item_ids": ["a"], "scores": [1.0]},
        {"request_id": "r0", "scores": [1.0]},
        {name: value for name, value in ROW.items() if name != "position"},
    ],
)
def test_columns_of_no_form_or_of_both_are_refused(tmp_path, columns):
    words = (
        r"f.parquet: expected columns request_id, position, item_id, propensity, or request_id, item_ids, scores, got "
        rf"{', '.join(columns)}; write one of these two forms"
    )
    with pytest.raises(SchemaError, match=words):
        told(write(tmp_path, **columns), LOGGED)


SCORED = {"request_id": "r0", "item_ids": ["a"], "scores": [1.0]}


@pytest.mark.parametrize(
    ("columns", "name", "kind"),
    [
        (ROW | {"request_id": 1}, "request_id", "String"),
        (ROW | {"position": "1"}, "position", "Int64"),
        (ROW | {"propensity": "1"}, "propensity", "Float64"),
        (ROW | {"outside": "1"}, "outside", "Float64"),
        (SCORED | {"item_ids": [1]}, "item_ids", r"List\(String\)"),
        (SCORED | {"scores": ["1"]}, "scores", r"List\(Float64\)"),
        (SCORED | {"scores": 1.0}, "scores", r"List\(Float64\)"),
    ],
)
def test_columns_of_another_type_are_refused(tmp_path, columns, name, kind):
    with pytest.raises(SchemaError, match=rf"expected a column {name} of type {kind}, got .*; cast it"):
        told(write(tmp_path, **columns), LOGGED)


def test_narrower_numbers_will_do(tmp_path):
    frame = pl.DataFrame([SCORED], schema_overrides={"scores": pl.List(pl.Float32)})
    frame.write_parquet(tmp_path / "f.parquet")
    assert isinstance(told(tmp_path / "f.parquet", LOGGED), Target)
    frame = pl.DataFrame([ROW], schema_overrides={"propensity": pl.Float32, "position": pl.UInt8})
    frame.write_parquet(tmp_path / "f.parquet")
    assert isinstance(told(tmp_path / "f.parquet", LOGGED), Target)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"request_id,scores\n"])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    (tmp_path / "f.parquet").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"Expected a Parquet file in .*f\.parquet: .*; write it again"):
        told(tmp_path / "f.parquet", LOGGED)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="Expected a Parquet file"):
        told(tmp_path / "f.parquet", LOGGED)


def test_worths_of_another_log_are_refused(tmp_path):
    worths = Worths(predicted=np.zeros(6), each=np.zeros(1), others=np.zeros(2), looked=np.ones((2, 3)))
    with pytest.raises(ShapeError, match="take them from the same log"):
        told(write(tmp_path, **ROW), LOGGED, worths=worths)
