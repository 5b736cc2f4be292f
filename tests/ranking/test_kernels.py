import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.kernels import age, interval, look_up, share, tally

NUMBERS = st.lists(st.tuples(st.integers(-2, 5), st.integers(-2, 5)), max_size=9)


@given(NUMBERS)
def test_a_share_of_nothing_is_missing(pairs: list[tuple[int, int]]) -> None:
    part, whole = np.array(pairs, np.float64).reshape(-1, 2).T.copy()
    expected = [p / w if w > 0 else None for p, w in pairs]
    assert [None if np.isnan(x) else x for x in share(part, whole).tolist()] == expected


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_ages_are_days_and_never_below_zero(dtype: type) -> None:
    found = age(np.array([-1, 0, 90, 130], dtype), 100, 10).tolist()
    assert np.isnan(found[0])
    assert found[1:] == [10, 1, 0]


def test_an_interval_takes_two_visits() -> None:
    first, last, visits = np.array([0, 0, 10]), np.array([60, 60, 10]), np.array([4.0, 2.0, 1.0])
    found = interval(first, last, visits, 10).tolist()
    assert found[:2] == [2, 6]
    assert np.isnan(found[2])


def test_what_is_not_found_is_missing() -> None:
    at, found = np.array([1, 0, 0]), np.array([True, False, True])
    assert look_up(np.array([5, 7]), at, found, -1.0).tolist() == [7, -1, 5]
    assert look_up(np.zeros(0), np.zeros(2, np.int64), np.zeros(2, np.bool_), 3.0).tolist() == [3, 3]


def test_events_are_counted_by_each_kind_of_key() -> None:
    at, weights = np.array([1, 1, 4, 9]), np.array([[1.0, 2.0, 4.0, 8.0], [0.5, 0.5, 0.5, 0.5]])
    of_event, of_pair = np.array([[2, 0, 2, 2], [-1, 1, 1, -1]]), np.array([[0, 1, 2], [1, -1, 0]])
    edges, keys, count, visits, decayed, first, last, where, found = tally(of_event, of_pair, at, weights, 3)
    assert edges.tolist() == [0, 2, 3]
    assert keys.tolist() == [0, 2, 1]
    assert count.tolist() == [1, 3, 2]
    assert visits.tolist() == [1, 3, 2]
    assert decayed.tolist() == [[2, 13, 6], [0.5, 1.5, 1]]
    assert (first.tolist(), last.tolist()) == ([1, 1, 1], [1, 9, 4])
    assert (where.tolist(), found.tolist()) == (
        [[0, 0, 1], [0, 0, 0]],
        [[True, False, True], [True, False, False]],
    )
