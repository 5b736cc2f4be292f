"""How popular lists are beside their users' taste: by hand and by loops."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.evaluation.popularity_lift import group_lift, popularity, popularity_lift
from tests.evaluation.tastes import histories

SHARES = np.array([0.8, 0.4, 0.2, 0.1, 0.0, 0.9])
TAKEN = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.3, 1.0])), max_size=6)
ITEMS = st.lists(st.integers(0, 4), unique=True, max_size=4)


def lifted(lists, rows, lengths=(2,)) -> pl.DataFrame:
    block = np.array([[*row, *[-1] * (4 - len(row))] for row in lists], np.int32).reshape(len(lists), 4)
    users = np.arange(len(lists), dtype=np.int32) + 7
    return popularity_lift(block, users, histories=histories(rows), popularity=SHARES, lengths=lengths)


def test_a_list_by_hand():
    """Item 1 taken twice counts once; a view of item 0 without weight is no taking."""
    got = lifted([[0, 1, 2]], [[(1, 1.0), (1, 1.0), (3, 0.3), (0, 0.0)]], lengths=(2, 3)).row(0, named=True)
    profile = (0.4 + 0.1) / 2
    assert got["user_idx"] == 7
    assert got["profile"] == pytest.approx(profile)
    assert got["popularity@2"] == pytest.approx((0.8 + 0.4) / 2)
    assert got["lift@2"] == pytest.approx(0.6 / profile - 1)
    assert got["popularity@3"] == pytest.approx((0.8 + 0.4 + 0.2) / 3)


def test_what_is_not_known_is_null():
    got = lifted([[], [0], [0]], [[(1, 1.0)], [], [(4, 1.0)]])
    assert got["popularity@2"].to_list() == [None, 0.8, 0.8]
    assert got["profile"].to_list() == [0.4, None, 0.0]
    assert got["lift@2"].to_list() == [None, None, None]


@given(st.lists(st.tuples(ITEMS, TAKEN), min_size=1, max_size=6), st.integers(1, 5))
def test_it_is_what_a_loop_says(users, k):
    lists, rows = zip(*users, strict=True)
    got = lifted(lists, rows, lengths=(k,))
    for (shown, row), found in zip(users, got.iter_rows(named=True), strict=True):
        own = {item for item, weight in row if weight > 0}
        profile = sum(SHARES[i] for i in own) / len(own) if own else None
        listed = sum(SHARES[i] for i in shown[:k]) / len(shown[:k]) if shown else None
        assert found["profile"] == (None if profile is None else pytest.approx(profile))
        assert found[f"popularity@{k}"] == (None if listed is None else pytest.approx(listed))
        lift = listed / profile - 1 if listed is not None and profile else None
        assert found[f"lift@{k}"] == (None if lift is None else pytest.approx(lift))


def test_a_groups_lift_is_of_its_means():
    got = lifted([[0], [0], [], [0]], [[(1, 1.0)], [(3, 1.0)], [(0, 1.0)], []])
    found = group_lift(got, 2, samples=300)
    assert found.mean == pytest.approx((0.8 + 0.8) / (0.4 + 0.1) - 1)
    assert found.n == 2
    assert found.low == pytest.approx(0.8 / 0.4 - 1)
    assert found.high == pytest.approx(0.8 / 0.1 - 1)


def test_a_group_without_taste_has_no_lift():
    assert group_lift(lifted([[0]], [[]]), 2, samples=10) is None
    assert group_lift(lifted([[0]], [[(4, 1.0)]]), 2, samples=10) is None


def test_lists_as_popular_as_the_taste_have_no_lift():
    rows = [[(0, 1.0), (3, 1.0)], [(1, 0.3)], [(2, 1.0), (1, 1.0)]]
    got = lifted([[item for item, _ in row] for row in rows], rows)
    assert got["lift@2"].to_list() == [0.0] * 3
    assert group_lift(got, 2, samples=10).mean == 0.0


def test_popularity_counts_users_not_events(make_log):
    rows = [
        (0, 0, 1, 1.0),
        (0, 0, 2, 1.0),
        (1, 0, 3, 1.0),
        (1, 1, 4, 1.0),
        (2, 2, 5, 0.0),
        (3, 1, 6, 1.0),
        (3, 2, 9, 1.0),
    ]
    log = make_log(rows, n_users=4, n_items=4)
    assert popularity(log, as_of=9).tolist() == pytest.approx([2 / 3, 2 / 3, 0, 0])
    assert popularity(log, as_of=0).tolist() == [0] * 4


def test_lists_of_other_users_are_refused():
    with pytest.raises(ShapeError, match="as many lists as users and histories, got 1, 1 and 2; ask for the histories"):
        lifted([[0]], [[], []])
