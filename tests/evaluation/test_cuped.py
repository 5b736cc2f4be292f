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


def test_users_without_a_past_do_not_move_the_level_of_their_arm():
    rng = np.random.default_rng(3)
    arm_idx = rng.integers(0, 2, 300).astype(np.int32)
    before = rng.gamma(2, 1, 300) + 3 * arm_idx
    value = 0.5 * before + rng.normal(0, 1, 300)
    before[rng.random(300) < 0.4] = np.nan
    known = ~np.isnan(before)
    alone = adjust(value[known], before[known], arm_idx[known])
    assert adjust(value, before, arm_idx).theta == pytest.approx(alone.theta)


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"at least one user, got \(2,\), \(3,\) and \(2,\)"):
        adjust(np.ones(2), np.ones(3), one_arm(2))
    with pytest.raises(ShapeError, match=r"got \(0,\)"):
        adjust(np.ones(0), np.ones(0), one_arm(0))


def test_an_effect_passes_through_whole():
    rng = np.random.default_rng(2)
    arm_idx, before = rng.integers(0, 2, 50).astype(np.int32), rng.gamma(2, 1, 50)
    value = before + rng.normal(0, 1, 50)
    assert adjust(value + 3.0 * arm_idx, before, arm_idx).value == pytest.approx(
        adjust(value, before, arm_idx).value + 3.0 * arm_idx
    )


def experiments(runs, users=200):
    """Equal arms and a past that correlates by .8: how often they are told apart by plain and by adjusted values; the
    share of the variance that goes; and the share of the squared error of the difference that does.
    """
    told, gone, squares = np.zeros(2), 0.0, np.zeros(2)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        arm_idx = rng.permutation(np.arange(users, dtype=np.int32) % 2)
        before = rng.gamma(2, 1, users)
        value = 0.8 * before + 0.6 * rng.gamma(2, 1, users)
        got = adjust(value, before, arm_idx)
        arms = [(y[arm_idx == 1], y[arm_idx == 0]) for y in (value, got.value)]
        told += [stats.ttest_ind(b, a).pvalue <= 0.05 for b, a in arms]
        squares += [(b.mean() - a.mean()) ** 2 for b, a in arms]
        gone += got.reduction
    return *(told / runs), gone / runs, 1 - squares[1] / squares[0]


def test_variance_falls_by_the_squared_correlation_and_nothing_is_made_up():
    _, adjusted, gone, squared = experiments(300)
    assert 0.015 <= adjusted <= 0.09
    assert gone == pytest.approx(0.64, abs=0.02)
    assert squared == pytest.approx(0.64, abs=0.1)


@pytest.mark.prove
def test_nothing_is_made_up_in_10000():
    plain, adjusted, gone, squared = experiments(10_000)
    print(
        f"CUPED, correlation .8, 200 users: A/A {adjusted:.2%} (plain {plain:.2%}); variance {gone:.1%} less, squared "
        f"error of the difference {squared:.1%} less"
    )
    assert abs(adjusted - 0.05) <= 0.007
    assert squared == pytest.approx(0.64, abs=0.02)
