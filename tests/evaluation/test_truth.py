"""What counts as an answer."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.truth import Truth


@pytest.fixture
def log(make_log):
    rows = [
        (0, 1, 10, 1.0),  # user 0 knew item 1 before the window
        (0, 2, 11, 0.0),  # no positive: item 2 stays new to user 0
        (0, 3, 12, 1.0, 15),  # cancelled before the window: item 3 stays new
        (0, 1, 20, 1.0),
        (0, 2, 21, 1.0),
        (0, 2, 22, 0.5),  # twice in the window counts once
        (0, 3, 23, 1.0),
        (0, 0, 24, 1.0, 29),  # cancelled inside the window: no answer
        (1, 0, 25, 0.0),  # no positive: no answer
        (2, 3, 29, 1.0),
        (2, 0, 30, 1.0),  # at the end of the window: outside
        (3, 1, 19, 1.0),  # before it: outside
    ]
    return make_log(rows, n_users=4, n_items=5)


def rows_of(truth):
    return [truth.item_idx[a:b].tolist() for a, b in zip(truth.indptr[:-1], truth.indptr[1:], strict=True)]


def test_truth_holds_distinct_standing_positives_of_the_window(log):
    truth = Truth.of(log, np.array([2, 0, 1, 3], np.int32), start=20, end=30, target="all")
    assert truth.user_idx.tolist() == [2, 0, 1, 3]
    assert rows_of(truth) == [[3], [1, 2, 3], [], []]
    assert truth.indptr.dtype == np.int64
    assert truth.item_idx.dtype == np.int32


def test_new_leaves_out_only_what_was_taken_before(log):
    truth = Truth.of(log, np.array([0, 2], np.int32), start=20, end=30, target="new")
    assert rows_of(truth) == [[2, 3], [3]]


def test_only_keeps_rows_and_chosen_entries(make_truth):
    truth = make_truth([[1, 4], [], [0, 1, 2]])
    odd = np.array([False, True, False, True, False])
    assert rows_of(truth.only(items=odd)) == [[1], [], [1]]
    assert rows_of(truth.only(users=np.array([False, True, True]))) == [[], [], [0, 1, 2]]
    assert rows_of(truth.only(items=odd, users=np.array([False, True, True]))) == [[], [], [1]]


def test_entries_stand_where_they_stand(make_truth):
    truth = make_truth([[1, 4], [], [0, 1, 2]])
    rows, items = np.array([0, 0, 0, 1, 2, 2, 2]), np.array([4, 0, -1, 1, 1, 9, -1], np.int32)
    assert truth.entries(rows, items).tolist() == [1, -1, -1, -1, 3, -1, -1]
    # nothing, of the second user, is not the first one's last item
    assert make_truth([[4], [0]]).entries(np.array([1]), np.array([-1], np.int32)).tolist() == [-1]
    assert make_truth([[], []]).entries(rows[:2], items[:2]).tolist() == [-1, -1]


def test_take_reorders_rows(make_truth):
    taken = make_truth([[1, 4], [], [0, 1, 2]]).take(np.array([2, 0]))
    assert rows_of(taken) == [[0, 1, 2], [1, 4]]
    assert taken.user_idx.tolist() == [2, 0]


@pytest.mark.parametrize("items", [[2, 1], [1, 1]])
def test_unordered_or_repeated_items_are_refused(items):
    with pytest.raises(ShapeError, match="expected each user's items distinct and ascending"):
        Truth(user_idx=np.zeros(1, np.int32), indptr=np.array([0, 2]), item_idx=np.array(items, np.int32))


def test_descending_between_users_is_fine():
    truth = Truth(
        user_idx=np.arange(2, dtype=np.int32), indptr=np.array([0, 1, 2]), item_idx=np.array([4, 1], np.int32)
    )
    assert rows_of(truth) == [[4], [1]]


def test_offsets_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"expected indptr of 2 entries ending at 1 for 1 users and 1 items, got 3"):
        Truth(user_idx=np.zeros(1, np.int32), indptr=np.array([0, 1, 1]), item_idx=np.array([1], np.int32))
