"""Money by hand, and what of the log counts as paid."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.evaluation.compare import estimate
from recsys.evaluation.revenue import revenue, spent
from recsys.evaluation.truth import Truth
from recsys.schema import EVENT_CODES

ITEMS = st.lists(st.integers(0, 9), unique=True, max_size=6)


def valued(make_log, rows, *, event="purchase"):
    """(user, item, at, value[, until]) rows → Interactions of one kind of event."""
    log = make_log([(u, i, at, 1.0, *rest) for u, i, at, _, *rest in rows], n_users=5, n_items=9)
    values = {(u, i, at): value for u, i, at, value, *_ in rows}
    given_ = [values[row] for row in log.events.select("user_idx", "item_idx", "at").rows()]
    told = log.events.with_columns(
        pl.Series("value", given_, dtype=pl.Float64), event=pl.lit(EVENT_CODES[event], pl.UInt8)
    )
    return type(log)(events=told, users=log.users, n_items=9)


def test_a_list_by_hand(make_truth):
    truth = make_truth([[1, 4], [], [3]])
    lists = np.array([[4, 2, 1], [1, 2, 3], [-1, -1, -1]], np.int32)
    got = revenue(lists, truth, amounts=np.array([2.5, 10.0, 7.0]), lengths=(1, 2, 3, 9))
    assert got.rows() == [(0, 10.0, 10.0, 12.5, 12.5), (2, 0.0, 0.0, 0.0, 0.0)]
    assert got.schema == {"user_idx": pl.Int32, **{f"revenue@{k}": pl.Float64 for k in (1, 2, 3, 9)}}
    assert estimate(got, "revenue@3", samples=100).mean == 12.5 / 2


@given(st.lists(st.tuples(ITEMS, st.dictionaries(st.integers(0, 9), st.floats(0, 100), max_size=6)), min_size=1))
def test_it_is_what_a_loop_says(users):
    lists = np.array([[*row, *[-1] * (6 - len(row))] for row, _ in users], np.int32)
    paid = [dict(sorted(amounts.items())) for _, amounts in users]
    truth = Truth(
        user_idx=np.arange(len(users), dtype=np.int32),
        indptr=np.cumsum([0, *map(len, paid)]).astype(np.int64),
        item_idx=np.array([item for one in paid for item in one], np.int32),
    )
    amounts = np.array([amount for one in paid for amount in one.values()], np.float64)
    got = revenue(lists, truth, amounts=amounts, lengths=(4,))["revenue@4"].to_list()
    assert got == pytest.approx(
        [sum(one.get(i, 0.0) for i in row[:4]) for (row, _), one in zip(users, paid, strict=True) if one]
    )


def test_paid_is_the_sum_of_standing_purchases_of_the_window(make_log, make_truth):
    rows = [
        (0, 1, 9, 100.0),  # before the window
        (0, 1, 10, 2.0),
        (0, 1, 11, 3.0),
        (0, 2, 12, None),  # no value: nothing
        (1, 2, 13, 50.0, 15),  # cancelled: nothing
        (1, 3, 14, 4.0),
        (2, 3, 20, 8.0),  # at the end: outside
    ]
    truth = make_truth([[1, 2], [2, 3], [3, 4]])
    got = spent(valued(make_log, rows), truth, start=10, end=20)
    assert got.tolist() == [2.0 + 3.0, 0.0, 0.0, 4.0, 0.0, 0.0]
    assert got.dtype == np.float64
    assert spent(valued(make_log, rows, event="rating"), truth, start=10, end=20).tolist() == [0.0] * 6


def test_amounts_that_do_not_fit_are_refused(make_truth):
    lists = np.array([[1]], np.int32)
    with pytest.raises(ShapeError, match="a finite amount for each of 2 entries of the truth, got 1, 0 of them not"):
        revenue(lists, make_truth([[1, 2]]), amounts=np.ones(1), lengths=(1,))
    with pytest.raises(ShapeError, match="got 2, 1 of them not finite"):
        revenue(lists, make_truth([[1, 2]]), amounts=np.array([1.0, np.nan]), lengths=(1,))
