"""Welch and Fieller, against scipy, against their own equations, and against the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recsys.evaluation.experiment.means import Mean, difference, p_value, quantile, relative

positive = st.floats(0.01, 10)
means = st.builds(Mean, value=positive, error=positive, users=st.integers(2, 10_000))


def test_a_mean_has_students_interval():
    value = np.array([1.0, 2.0, 4.0, 9.0])
    got = Mean.by_user(value).interval(0.9)
    low, high = stats.t.interval(0.9, 3, loc=4, scale=stats.sem(value))
    assert (got.mean, got.low, got.high, got.n) == (4, pytest.approx(low), pytest.approx(high), 4)


def test_a_ratio_is_of_sums():
    got = Mean.of(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert got.value == 1
    assert got.error == pytest.approx(np.std([0.5, 1.5], ddof=1) / np.sqrt(2))


def test_nothing_is_told_of_one_user_or_of_users_all_alike():
    one, alike, some = Mean.by_user(np.ones(1)), Mean.by_user(np.ones(5)), Mean.by_user(np.arange(4.0))
    assert one.interval(0.95).low is None
    assert alike.interval(0.95).low is None
    assert (difference(alike, alike, 0.95).low, p_value(alike, alike)) == (None, None)
    assert relative(alike, alike, 0.95).low is None
    assert relative(one, some, 0.95).low is None
    assert p_value(one, some) is None
    assert difference(alike, some, 0.95).low is not None
    assert relative(some, Mean(value=0, error=0, users=9), 0.95) is None


def test_a_difference_is_welchs():
    rng = np.random.default_rng(0)
    b, a = rng.gamma(2, 1, 30), rng.gamma(2, 3, 80)
    expected = stats.ttest_ind(b, a, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    got = difference(Mean.by_user(b), Mean.by_user(a), 0.95)
    assert (got.low, got.high) == pytest.approx(tuple(bounds))
    assert got.n == 110
    assert p_value(Mean.by_user(b), Mean.by_user(a)) == pytest.approx(expected.pvalue)


@given(b=means, a=means)
def test_bounds_of_a_ratio_are_those_that_a_test_of_it_just_does_not_reject(b, a):
    got = relative(b, a, 0.95)
    plain = difference(b, a, 0.95)
    t = (plain.high - plain.mean) / np.hypot(b.error, a.error)
    if got.low is None:
        assert t * a.error >= a.value
        return
    for theta in (got.low + 1, got.high + 1):
        scale = b.value**2 + (t * b.error) ** 2 + theta**2 * (a.value**2 + (t * a.error) ** 2)
        gap = (b.value - theta * a.value) ** 2 - t**2 * (b.error**2 + theta**2 * a.error**2)
        assert gap / scale == pytest.approx(0, abs=1e-9)
    assert got.low - 1e-9 <= got.mean <= got.high + 1e-9


@given(b=means, a=means)
def test_a_ratio_is_told_from_1_exactly_where_the_difference_is_from_0(b, a):
    ratio, plain = relative(b, a, 0.95), difference(b, a, 0.95)
    if ratio.low is not None and min(abs(plain.low), abs(plain.high)) > 1e-6:
        assert (ratio.low > 0, ratio.high < 0) == (plain.low > 0, plain.high < 0)


def test_a_control_that_may_be_0_gives_a_ratio_no_end():
    b, users = Mean(value=2, error=0.1, users=1000), 1000
    limit = 1 / quantile(0.95, 999)
    assert relative(b, Mean(value=1, error=limit * 1.05, users=users), 0.95).low is None
    assert relative(b, Mean(value=1, error=limit * 0.95, users=users), 0.95).high > 10


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        got = relative(Mean.by_user(rng.gamma(1, 1.2, 80)), Mean.by_user(rng.gamma(1, 1, 60)), 0.9)
        held += got.low < 0.2 < got.high
    assert stats.binomtest(held, 400, 0.9).pvalue > 1e-3
