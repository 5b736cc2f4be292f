"""An experiment finds what it was planned to find as often as planned."""

import numpy as np
import pytest
from scipy import stats

from recsys.errors import ShapeError
from recsys.evaluation.power import TwoArms, detectable, times_longer


def test_textbook_sizes():
    # half a standard deviation: 2 · (1.95996 + .84162)² / .5² = 62.79 users an arm
    even = TwoArms(variance_a=1, variance_b=1)
    assert even.users(0.5) == 126
    assert even.error(100) == pytest.approx(0.2)
    assert even.detectable(126) == pytest.approx(2.80159 * 2 / np.sqrt(126), abs=1e-5)
    assert detectable(1, level=0.9, power=0.5) == pytest.approx(1.64485, abs=1e-5)


def test_a_small_share_needs_more_users():
    # 1 / .9 + 1 / .1 = 11.11 in place of 4
    assert TwoArms(variance_a=1, variance_b=1, share_b=0.1).users(0.05) == pytest.approx(12558 * 11.11111 / 4, rel=1e-3)


def test_users_are_just_enough():
    plan = TwoArms(variance_a=2.0, variance_b=0.7, share_b=0.3)
    n = plan.users(0.04)
    assert plan.detectable(n) <= 0.04 < plan.detectable(n - 1)


def test_days_count_new_users_only():
    plan = TwoArms(variance_a=1, variance_b=1)
    assert plan.days(0.5, new_users=60) == 3  # 126 users
    with pytest.raises(ShapeError, match="new users a day above 0, got 0; without them no day adds anything"):
        plan.days(0.5, new_users=0)


def test_half_the_effect_takes_four_times_as_long():
    assert times_longer(0.01, detectable(0.01)) == pytest.approx(1)
    assert times_longer(0.01, detectable(0.01) / 2) == pytest.approx(4)
    assert times_longer(0.01, -detectable(0.01) * 2) == pytest.approx(1 / 4)


def test_no_effect_is_never_found():
    with pytest.raises(ShapeError, match="an effect other than 0, got 0: no number of users finds none"):
        times_longer(0.01, 0)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_power_is_that_of_the_t_test(power):
    n = 4000
    plan = TwoArms(variance_a=1, variance_b=1)
    shift = plan.detectable(n, power=power) / plan.error(n)
    edge = stats.t.ppf(0.975, n - 2)
    assert stats.nct.sf(edge, n - 2, shift) + stats.nct.cdf(-edge, n - 2, shift) == pytest.approx(power, abs=1e-3)


def found(runs):
    """How often Welch's test finds the difference that 4,000 users of skewed values ought to find in 80 %."""
    rng = np.random.default_rng(5)
    shift = TwoArms(variance_a=1, variance_b=4, share_b=0.25).detectable(4000)
    told = 0
    for _ in range(runs):
        a, b = rng.exponential(1, 3000), rng.exponential(2, 1000) - 1 + shift
        told += stats.ttest_ind(b, a, equal_var=False).pvalue <= 0.05
    return told / runs


def test_what_can_be_detected_is_found_four_times_in_five():
    assert 0.72 <= found(500) <= 0.88


@pytest.mark.prove
def test_what_can_be_detected_is_found_in_80_percent_of_10000():
    share = found(10_000)
    print(f"power: the smallest detectable effect is found in {share:.2%} (planned 80 %)")
    assert abs(share - 0.8) <= 0.02
