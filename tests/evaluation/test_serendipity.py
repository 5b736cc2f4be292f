"""Finds by hand, and a second implementation by sets."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.evaluation.compare import compare
from recsys.evaluation.metrics import per_user
from recsys.evaluation.serendipity import serendipity
from recsys.evaluation.truth import Truth

ITEMS = st.lists(st.integers(0, 9), unique=True, max_size=6)


def truth_of(rows) -> Truth:
    return Truth(
        user_idx=np.arange(len(rows), dtype=np.int32) + 10,
        indptr=np.cumsum([0, *map(len, rows)]).astype(np.int64),
        item_idx=np.array([i for row in rows for i in sorted(row)], np.int32),
    )


def block(rows, k=6) -> np.ndarray:
    return np.array([[*row, *[-1] * (k - len(row))] for row in rows], np.int32).reshape(len(rows), k)


def test_a_list_by_hand():
    """Of hits at ranks 1, 3 and 4, the first is what everybody is shown."""
    got = serendipity(block([[7, 1, 8, 2]]), truth_of([[7, 8, 2]]), expected=block([[5, 7]]), lengths=(1, 3, 10))
    assert got.row(0, named=True) == {
        "user_idx": 10,
        "serendipity@1": 0.0,
        "serendipity@3": pytest.approx(1 / 3),
        "serendipity@10": pytest.approx(2 / 10),
    }


@given(st.lists(st.tuples(ITEMS, ITEMS, ITEMS), min_size=1, max_size=5), st.integers(1, 8))
def test_it_is_what_sets_say(users, k):
    lists, truths, expected = zip(*users, strict=True)
    got = serendipity(block(lists), truth_of(truths), expected=block(expected), lengths=(k,))
    wanted = [len((set(row[:k]) & set(t)) - set(e)) / k for row, t, e in users if t]
    assert got[f"serendipity@{k}"].to_list() == pytest.approx(wanted)
    assert got.schema == {"user_idx": pl.Int32, f"serendipity@{k}": pl.Float64}


@given(st.lists(st.tuples(ITEMS, ITEMS), min_size=1, max_size=5))
def test_where_nothing_is_expected_it_is_precision(users):
    lists, truths = zip(*users, strict=True)
    judged = truth_of(truths)
    got = serendipity(block(lists), judged, expected=block([[]] * len(users)), lengths=(4,))
    assert got["serendipity@4"].to_list() == per_user(block(lists), judged, lengths=(4,))["precision@4"].to_list()
    assert serendipity(block(lists), judged, expected=block(lists), lengths=(4,))["serendipity@4"].sum() == 0


def test_popularity_itself_surprises_nobody():
    popular = np.tile(np.array([[0, 1]], np.int32), (30, 1))
    rare = np.tile(np.array([[0, 5]], np.int32), (30, 1))
    judged = truth_of([[0, 5]] * 20 + [[0]] * 10)
    ours, theirs = (serendipity(x, judged, expected=popular, lengths=(2,)) for x in (rare, popular))
    got = compare(ours, theirs, "serendipity@2", samples=200)
    assert (got.mean, got.sign, got.differing) == (pytest.approx(20 / 30 / 2), 1, 20)


def test_lists_without_places_find_nothing():
    nothing = np.zeros((1, 0), np.int32)
    assert serendipity(nothing, truth_of([[1]]), expected=nothing, lengths=(5,))["serendipity@5"].to_list() == [0]


def test_others_than_the_truths_users_are_refused():
    with pytest.raises(ShapeError, match=r"the primitive method shows as \(1, b\).*got \(2, 6\); recommend for truth"):
        serendipity(block([[1]]), truth_of([[1]]), expected=block([[1], [2]]), lengths=(1,))
    with pytest.raises(ShapeError, match=r"Expected recommended items of shape \(1, k\)"):
        serendipity(block([[1], [2]]), truth_of([[1]]), expected=block([[1]]), lengths=(1,))
