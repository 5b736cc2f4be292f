"""A policy told by its probabilities of the log's rows."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ArtifactError, SchemaError
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.chances import by_chances
from tests.evaluation.off_policy.small_log import GOOD, LATER, answer, log, many

NAMES = ("request_id", "position", "item_id", "propensity")
LOGGED = Logged.of(log([*many(3), answer("e", 9)], [GOOD]), as_of=LATER)
"""r0, r1 and r2, each of the items x and y, and e without items."""

WHOLE = [
    ("r0", 1, "x", 0.5),
    ("r0", 2, "y", 0.25),
    ("r1", 1, "x", 0.125),
    ("r1", 2, "y", 1.0),
    ("r2", 1, "x", 0.0),
    ("r2", 2, "y", 0.75),
]


@pytest.fixture
def told(tmp_path):
    """Writes rows and gives what is read of them."""

    def told(rows, logged=LOGGED, names=NAMES):
        some = isinstance(rows, pl.DataFrame)
        frame = rows if some else pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None)
        frame.write_parquet(tmp_path / "p.parquet")
        return by_chances(tmp_path / "p.parquet", logged)

    return told


def test_each_row_stands_where_the_log_has_it(told):
    found = told(WHOLE)
    assert found.probability.tolist() == [0.5, 0.25, 0.125, 1, 0, 0]  # nothing is below what is never shown
    assert np.isnan(found.outside).all()
    assert (found.value, found.marginal, found.pseudo) == (None, None, None)


@settings(max_examples=20, deadline=None)
@given(st.permutations(WHOLE))
def test_the_order_of_rows_does_not_matter(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("order") / "p.parquet"
    pl.DataFrame(rows, schema=list(NAMES), orient="row").write_parquet(file)
    assert by_chances(file, LOGGED).probability.tolist() == [0.5, 0.25, 0.125, 1, 0, 0]


def test_rows_that_the_log_has_not_say_nothing(told):
    others = [("r0", 3, "x2", 0.5), ("q", 1, "x", 0.5), ("e", 1, "x", 0.5), ("r1", 7, "z", 0.1)]
    assert told([*others, *WHOLE]).probability.tolist() == told(WHOLE).probability.tolist()
    assert told(others) is None
    assert told([("r0", 1, "y", 0.5), ("r0", 2, "x", 0.5)]) is None
    assert told(pl.DataFrame(WHOLE, schema=list(NAMES), orient="row")[:0]) is None


def test_a_list_is_unknown_of_which_a_row_is_missing_unless_it_has_no_chance(told):
    found = told([("r0", 1, "x", 0.5), ("r0", 2, "z", 0.25), ("r1", 2, "y", 0.5), ("r2", 1, "x", 0.0)])
    assert np.isnan(found.probability).tolist() == [True, True, True, True, False, False]
    assert found.probability[4:].tolist() == [0, 0]
    assert np.isnan(told([WHOLE[0], ("r0", 2, "y", 0.0), WHOLE[3]]).probability[2:]).all()


def test_a_second_implementation_agrees_whatever_is_told(told):
    for kept in itertools.product([0, 1], repeat=6):
        rows = [row for row, keep in zip(WHOLE, kept, strict=True) if keep]
        expected = []
        for name in ("r0", "r1", "r2"):
            own = {position: chance for request, position, _, chance in rows if request == name}
            if own.get(1) == 0:
                expected += [0.0, 0.0]
            else:
                expected += [own[1], own[2]] if len(own) == 2 else [np.nan, np.nan]
        if rows:
            np.testing.assert_array_equal(told(rows).probability, expected)


def test_what_is_told_of_a_request_is_told_once(told):
    rows = [(*row, outside) for row, outside in zip(WHOLE[:4], [0.5, 0.5, 0, 0], strict=True)]
    found = told(rows, names=(*NAMES, "outside"))
    assert found.outside[:2].tolist() == [0.5, 0]
    assert np.isnan(found.outside[2:]).all()
    rounded = told([(*row, 1 + 1e-7) for row in WHOLE], names=(*NAMES, "outside"))
    assert rounded.outside[:3].tolist() == [1, 1, 1]
    rows[1] = (*WHOLE[1], 0.25)
    with pytest.raises(
        SchemaError, match=r"expected one outside in all rows of a request, got something else in row 1"
    ):
        told(rows, names=(*NAMES, "outside"))


def test_what_another_model_says_is_passed_over(told):
    """`doubly_robust` takes away what the log's own model says of the logged items: both must be of one model."""
    assert told([(*row, 3.0) for row in WHOLE], names=(*NAMES, "value")).value is None


def test_lists_of_one_place_are_marginal(told):
    logged = Logged.of(log([answer("r0", 0, "x", propensity=0.25), answer("e", 1)], [GOOD]), as_of=LATER)
    found = told([("r0", 1, "x", 0.5)], logged)
    assert (found.marginal.logged.tolist(), found.marginal.target.tolist()) == ([0.25], [0.5])
    assert found.pseudo.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("r9", 1, "x", 1.5), r"a propensity in \[0, 1\]"),
        (("r9", 1, "x", -0.5), r"a propensity in \[0, 1\]"),
        (("r9", 1, "x", float("nan")), r"a propensity in \[0, 1\]"),
        (("r9", 1, "x", None), "a propensity in each row"),
        (("r9", 0, "x", 0.5), "a position from 1"),
        (("r9", None, "x", 0.5), "a position in each row"),
        (("r9", 1, None, 0.5), "a item_id in each row"),
        ((None, 1, "x", 0.5), "a request_id in each row"),
        (("r1", 2, "z", 0.5), "each position of a request once"),
        (("r1", 3, "x", 0.5), "each item of a request once"),
    ],
)
def test_rows_that_are_wrong_are_refused_by_their_number(told, row, words):
    name = "None" if row[0] is None else rf"'{row[0]}'"
    with pytest.raises(
        SchemaError, match=rf"expected {words}, got something else in row 7 \(request {name}\) and 0 others; write"
    ):
        told([*WHOLE, row])


@pytest.mark.parametrize("bad", [1.5, None, float("nan")])
def test_an_outside_that_is_wrong_is_refused(told, bad):
    rows = [(*row, 0.5) for row in WHOLE[:5]] + [(*WHOLE[5], bad)]
    with pytest.raises(SchemaError, match=r"expected an outside .* in row 6 "):
        told(rows, names=(*NAMES, "outside"))


def test_a_probability_kept_as_float32_may_be_rounded_above_one(told):
    assert told([("r0", 1, "x", 1 + 1e-7), ("r0", 2, "y", 1.0)]).probability[:2].tolist() == [1, 1]


def test_a_file_whose_rows_cannot_be_read_is_refused(tmp_path):
    file = tmp_path / "p.parquet"
    pl.DataFrame(WHOLE * 999, schema=list(NAMES), orient="row").write_parquet(file, compression="uncompressed")
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(ArtifactError, match=r"Expected a Parquet file in .*p\.parquet: .*; write it again"):
        by_chances(file, LOGGED)
