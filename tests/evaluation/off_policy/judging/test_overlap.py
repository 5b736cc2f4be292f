"""How much of a log speaks of the judged policy."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.judging.overlap import EDGES, TAIL, Overlap

USERS = np.array([0, 0, 2, 2], np.int32)


def test_four_requests_of_two_users_by_hand():
    got = Overlap.of(np.array([1.0, 3.0, 0.0, 2.0]), USERS)
    assert (got.requests, got.users) == (4, 2)
    assert got.effective == pytest.approx((1 + 3 + 0 + 2) ** 2 / (1 + 9 + 0 + 4), rel=1e-15)
    assert got.mean == 6 / 4
    # what the users' sums differ from what the mean gives them: 4 - 3 and 2 - 3
    assert got.error == pytest.approx(math.sqrt(2 / 1 * (1**2 + 1**2)) / 4, rel=1e-15)
    assert got.off == pytest.approx(0.5 / (2 / 4), rel=1e-15)
    assert got.largest == 3
    assert got.largest_user == 4 / 6
    assert got.tail[0] == 1.5
    assert got.unsupported is None


def test_the_same_policy_twice():
    got = Overlap.of(np.ones(4), USERS)
    assert got.effective == 4
    assert got.mean == 1
    assert got.error == 0
    assert got.off == 0


def test_rounding_is_no_distance_from_1():
    """With an error of 0, the last bit would be infinitely far."""
    assert Overlap.of(np.full(4, 1 + 2e-16), USERS).off == 0
    single = Overlap.of(1 + np.array([3e-6, 3.1e-6, 2.9e-6, 3e-6]), USERS)  # a policy on its own log
    assert (single.off, single.error < 1e-6) == (0, True)
    assert Overlap.of(1 + np.array([3e-4, 3.1e-4, 2.9e-4, 3e-4]), USERS).off > 3


@pytest.mark.parametrize(("weight", "off"), [(0.5, -math.inf), (2.0, math.inf)])
def test_weights_that_are_all_wrong_alike_are_infinitely_far(weight, off):
    assert Overlap.of(np.full(4, weight), USERS).off == off


@pytest.mark.filterwarnings("error")
def test_a_policy_that_the_log_never_shows():
    got = Overlap.of(np.zeros(4), USERS)
    assert (got.effective, got.mean, got.largest, got.largest_user, got.off) == (0, 0, 0, 0, -math.inf)


def test_weights_whose_squares_are_too_small_for_a_number():
    assert Overlap.of(np.full(4, 1e-200), USERS).effective == 4


def test_one_user_has_no_error():
    got = Overlap.of(np.array([1.0, 2.0]), np.array([3, 3], np.int32))
    assert got.users == 1
    assert got.error is None
    assert got.off is None
    assert got.largest_user == 1


def test_negative_weights_count_by_their_size():
    got = Overlap.of(np.array([-4.0, 1.0, 1.0, 3.0]), USERS)
    assert got.mean == 1 / 4
    assert got.effective == pytest.approx((-4 + 1 + 1 + 3) ** 2 / (16 + 1 + 1 + 9), rel=1e-15)
    assert got.largest == 4
    assert got.largest_user == 5 / 9
    assert got.tail[0] == 2


def test_what_was_no_candidate_is_told_of_the_requests_that_know():
    weight = np.ones(4)
    got = Overlap.of(weight, USERS, np.array([0.25, np.nan, 0.5, np.nan]))
    assert got.unsupported == (0.25 + 0.5) / 2
    assert Overlap.of(weight, USERS, np.full(4, np.nan)).unsupported is None


def test_the_tail_by_counting():
    weight = np.arange(1001.0)
    got = Overlap.of(weight, np.arange(1001, dtype=np.int32))
    assert TAIL == (0.5, 0.9, 0.99, 0.999)
    assert got.tail == pytest.approx((500, 900, 990, 999), rel=1e-12)


def test_weights_are_counted_in_half_decades_around_powers_of_ten():
    weight = np.array([0.0, 0.0, 1e-9, 1e-3, 0.5, 0.6, 1.0, 1.7, 1.8, 10**0.5, -1.0, 10.0, 1e3, 1e9])
    got = Overlap.of(weight, np.zeros(14, np.int32)).histogram
    # 0; less; the 13 bins around 0.001, 0.003, ..., 1,000; more
    assert got == (2, 1, 1, 0, 0, 0, 0, 1, 4, 2, 1, 0, 0, 0, 1, 1)
    assert np.log10(EDGES) == pytest.approx([half / 2 - 3.25 for half in range(14)])


def test_a_weight_at_an_edge_counts_above_it():
    weight = np.array([EDGES[0], EDGES[-1]])
    got = Overlap.of(weight, np.zeros(2, np.int32)).histogram
    assert (got[1], got[2], got[-2], got[-1]) == (0, 1, 0, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.just(0.0) | st.floats(1e-6, 50), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_second_implementation_agrees(rows):
    weights, users = [w for w, _ in rows], [u for _, u in rows]
    got = Overlap.of(np.array(weights), np.array(users, np.int32))
    mean, names = sum(weights) / len(rows), set(users)
    assert got.mean == pytest.approx(mean, rel=1e-12)
    assert got.users == len(names)
    assert got.largest == max(weights)
    bounds = [5e-324, *EDGES, math.inf]
    counts = [weights.count(0), *(sum(a <= w < b for w in weights) for a, b in pairwise(bounds))]
    assert list(got.histogram) == counts
    squares = sum(w**2 for w in weights)
    if squares > 0:
        assert got.effective == pytest.approx(sum(weights) ** 2 / squares, rel=1e-9)
        most = max(sum(w for w, u in rows if u == name) for name in names)
        assert got.largest_user == pytest.approx(most / sum(weights), rel=1e-9)
    if len(names) > 1:
        away = sum(sum(w - mean for w, u in rows if u == name) ** 2 for name in names)
        expected = math.sqrt(len(names) / (len(names) - 1) * away) / len(rows)
        assert got.error == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_error_is_how_far_means_of_resampled_users_lie_apart():
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(400, dtype=np.int32), rng.integers(1, 9, 400))
    of_user = rng.gamma(2, 0.5, 400)
    weight = of_user[users] * rng.gamma(4, 0.25, len(users))
    total, count = np.bincount(users, weight), np.bincount(users)
    drawn = rng.integers(0, 400, (4000, 400))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    got = Overlap.of(weight, users)
    assert got.error == pytest.approx(float(means.std()), rel=0.05)
    assert got.error > 1.5 * weight.std() / math.sqrt(len(weight)), "users were taken for independent requests"


@pytest.mark.parametrize(
    ("n", "users", "outside", "said"),
    [
        (0, 0, None, r"at least one request, got shapes \(0,\), \(0,\); make"),
        (2, 3, None, r"got shapes \(2,\), \(3,\)"),
        (2, 2, 1, r"got shapes \(2,\), \(2,\), \(1,\)"),
    ],
)
def test_other_shapes_are_refused(n, users, outside, said):
    with pytest.raises(ShapeError, match=said):
        Overlap.of(np.ones(n), np.zeros(users, np.int32), None if outside is None else np.zeros(outside))
