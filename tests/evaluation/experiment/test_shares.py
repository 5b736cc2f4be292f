"""Shares near 0, against published figures."""

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.experiment.means import Mean
from recsys.evaluation.experiment.shares import bounds, difference


def alone(successes, n):
    """A share of users who ask once."""
    p = successes / n
    return Mean(value=p, error=np.sqrt(p * (1 - p) / n), users=n), float(n)


@pytest.mark.parametrize("successes", [0, 1, 7, 50])
def test_users_who_ask_once_have_wilsons_interval(successes):
    expected = stats.binomtest(successes, 50).proportion_ci(method="wilson")
    assert bounds(*alone(successes, 50), level=0.95) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("b", "a", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0000)],
)
def test_a_difference_is_newcombes(b, a, low, high):
    """Newcombe 1998, table II, method 10."""
    got = difference(alone(*b), alone(*a), level=0.95)
    assert (got.low, got.high) == pytest.approx((low, high), abs=6e-5)


def test_answers_that_are_alike_tell_no_more_than_their_users():
    """Each of 40 users is asked 10 times, a tenth of them always without."""
    bad, asked = np.where(np.arange(40) < 4, 10.0, 0.0), np.full(40, 10.0)
    got = bounds(Mean.of(bad, asked), 400.0, level=0.95)
    assert got == pytest.approx(bounds(*alone(4, 40), level=0.95), abs=0.003)


def test_users_all_alike_count_each_answer():
    """Each of 40 users has one bad answer of ten: less spread than chance would give is not believed."""
    got = bounds(Mean.of(np.ones(40), np.full(40, 10.0)), 400.0, level=0.95)
    assert got == pytest.approx(bounds(*alone(40, 400), level=0.95))


def test_a_share_of_nothing_is_doubted_by_the_users():
    low, high = bounds(Mean.by_user(np.zeros(100)), 5000.0, level=0.95)
    z2 = stats.norm.ppf(0.975) ** 2
    assert (low, high) == (0, pytest.approx(z2 / (100 + z2)))
