"""The past takes noise away, and neither makes nor hides an effect."""

import numpy as np
import pytest
from scipy import stats

from recsys.errors import ShapeError
from recsys.evaluation.cuped import adjust


def one_arm(n):
    return np.zeros(n, np.int32)


def test_a_past_that_explains_all_leaves_the_mean():
    got = adjust(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]), one_arm(3))
    assert got.value == pytest.approx([4, 4, 4])
    assert (got.theta, got.reduction, got.covered) == (pytest.approx(2), pytest.approx(1), 3)


def test_a_past_that_explains_nothing_changes_nothing():
    value = np.array([1.0, 0.0, 0.0, 1.0])
    for before in (np.array([0.0, 0.0, 1.0, 1.0]), np.full(4, 7.0), np.full(4, np.nan)):
        got = adjust(value, before, one_arm(4))
        assert got.value == pytest.approx(value)
        assert (got.theta, got.reduction) == (0, 0)
    assert got.covered == 0


def test_theta_is_that_of_least_squares_with_a_level_for_each_arm():
    rng = np.random.default_rng(0)
    arm_idx = rng.integers(0, 3, 400).astype(np.int32)
    before = rng.gamma(2, 1, 400) + arm_idx  # arms that were not alike before
    value = 0.7 * before + np.array([0, 2, -5])[arm_idx] + rng.normal(0, 1, 400)
    design = np.column_stack([before, *(arm_idx == a for a in range(3))])
    got = adjust(value, before, arm_idx)
    fitted, squares, *_ = np.linalg.lstsq(design, value)
    assert got.theta == pytest.approx(fitted[0])
    within = sum(((value[arm_idx == a] - value[arm_idx == a].mean()) ** 2).sum() for a in range(3))
    assert got.reduction == pytest.approx(1 - squares[0] / within)
    assert got.value.mean() == pytest.approx(value.mean())


def test_users_without_a_past_stay_as_they_are():
    rng = np.random.default_rng(1)
    before = rng.normal(5, 1, 100)
    value = before + rng.normal(0, 0.1, 100)
    before[::4] = np.nan
    got = adjust(value, before, one_arm(100))
    assert got.value[::4] == pytest.approx(value[::4])
    assert got.covered == 75
    assert got.theta == pytest.approx(1, abs=0.05)
    assert 0.6 < got.reduction < 0.85  # three quarters have a past, and it tells nearly all of them


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"at least one user, got \(2,\), \(3,\) and \(2,\)"):
        adjust(np.ones(2), np.ones(3), one_arm(2))
    with pytest.raises(ShapeError, match=r"got \(0,\)"):
        adjust(np.ones(0), np.ones(0), one_arm(0))


def experiments(runs, effect=0.3, users=200):
    """A past that correlates by .8: how often equal arms are told apart; how often the effect lies within the interval
    of plain and adjusted values; the share of variance that goes; and the share of the squared error that does.
    """
    rejected, covered, gone, errors = 0, np.zeros(2), [], []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        arm_idx = rng.permutation(np.arange(users, dtype=np.int32) % 2)
        before = rng.gamma(2, 1, users)
        value = 0.8 * before + 0.6 * rng.gamma(2, 1, users)
        got = adjust(value, before, arm_idx)
        rejected += stats.ttest_ind(got.value[arm_idx == 1], got.value[arm_idx == 0]).pvalue <= 0.05
        gone.append(got.reduction)
        errors.append([])
        for j, y in enumerate((value, adjust(value + effect * arm_idx, before, arm_idx).value)):
            shift = effect if j == 0 else 0
            found = stats.ttest_ind(y[arm_idx == 1] + shift, y[arm_idx == 0])
            low, high = found.confidence_interval(0.95)
            covered[j] += low <= effect <= high
            errors[-1].append((low + high) / 2 - effect)
    plain, adjusted = np.square(errors).mean(0)
    return rejected / runs, *(covered / runs), float(np.mean(gone)), 1 - adjusted / plain


def test_variance_falls_by_the_squared_correlation_and_nothing_is_made_up():
    rejected, _, adjusted, gone, squared = experiments(300)
    assert 0.015 <= rejected <= 0.09
    assert 0.91 <= adjusted <= 0.985
    assert gone == pytest.approx(0.64, abs=0.02)
    assert squared == pytest.approx(0.64, abs=0.1)


@pytest.mark.prove
def test_nothing_is_made_up_in_10000():
    rejected, plain, adjusted, gone, squared = experiments(10_000)
    print(
        f"CUPED, correlation .8, 200 users: A/A {rejected:.2%}; covers {adjusted:.2%} (plain {plain:.2%}); variance "
        f"{gone:.1%} less, squared error of the effect {squared:.1%} less"
    )
    assert abs(rejected - 0.05) <= 0.007
    assert 0.925 <= adjusted <= 0.975
    assert squared == pytest.approx(0.64, abs=0.02)
