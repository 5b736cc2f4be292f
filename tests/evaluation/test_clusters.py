"""Sums per user, and an error that knows that a user's requests are alike."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.clusters import checked, error, linearised, totals
from tests.evaluation.correlated import MEAN, requests


def users(*codes):
    return np.array(codes, np.int32)


def test_totals_are_sums_by_user_without_those_who_are_not_there():
    got = totals(users(4, 1, 4, 1, 7), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert got.tolist() == [2.0 + 4.0, 1.0 + 3.0, 5.0]


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ShapeError, match=r"at least one request, got 2 users for \[3\]"):
        checked(users(0, 1), np.ones(3))
    with pytest.raises(ShapeError, match=r"at least one request, got 0 users"):
        checked(users())
    with pytest.raises(ShapeError, match="codes from 0, got -1; leave out requests without a user"):
        checked(users(0, -1), np.ones(2))


def test_a_value_that_is_none_is_refused():
    with pytest.raises(ShapeError, match="sum over users, got 1 that are none"):
        totals(users(0, 1), np.array([1.0, np.nan]))


def test_linearised_by_hand():
    # θ = (2 + 4) / (1 + 3) = 1.5, mean weight 2: 1.5 + (2 - 1.5) / 2 and 1.5 + (4 - 4.5) / 2
    assert linearised(np.array([2.0, 4.0]), np.array([1.0, 3.0])).tolist() == [1.75, 1.25]


def test_error_is_the_jackknife_of_the_ratio_for_many_users():
    rng = np.random.default_rng(0)
    user_idx, click = requests(rng, 2000)
    value, weight = totals(user_idx, click), totals(user_idx, np.ones(len(click)))
    left_out = (value.sum() - value) / (weight.sum() - weight)
    jackknife = np.sqrt((len(value) - 1) / len(value) * ((left_out - left_out.mean()) ** 2).sum())
    assert error(linearised(value, weight)) == pytest.approx(jackknife, rel=2e-3)


def test_error_by_hand():
    assert error(np.array([1.0, 2.0, 6.0])) == pytest.approx(np.sqrt((4 + 1 + 9) / 2 / 3))


def test_one_user_has_no_error():
    assert error(np.array([0.3])) == float("inf")


def test_weights_of_nothing_are_refused():
    with pytest.raises(ShapeError, match=r"\(2,\) and \(2,\) that sum to 0"):
        linearised(np.ones(2), np.zeros(2))


def covered(runs):
    """How often mean ± 1.96 errors holds the truth, by users and by requests."""
    hits = np.zeros(2)
    for seed in range(runs):
        user_idx, click = requests(np.random.default_rng(seed), 300)
        by_user = linearised(totals(user_idx, click), totals(user_idx, np.ones(len(click))))
        hits += [abs(x.mean() - MEAN) <= 1.96 * error(x) for x in (by_user, click)]
    return hits / runs


def test_users_cover_and_requests_do_not():
    by_user, by_request = covered(400)
    assert 0.91 <= by_user <= 0.98
    assert by_request <= 0.85


@pytest.mark.prove
def test_users_cover_and_requests_do_not_in_1000_seeds():
    by_user, by_request = covered(1000)
    print(f"delta method, 300 users, ICC .3: covers {by_user:.1%} by user, {by_request:.1%} by request")
    assert 0.925 <= by_user <= 0.975
    assert by_request < 0.85
