"""Several arms against one control: whoever looks five times is not fooled five times as often."""

import numpy as np
import pytest
from scipy import stats

from recsys.errors import ShapeError
from recsys.evaluation.multiplicity import benjamini_hochberg, holm

P = np.array([0.01, 0.04, 0.03, 0.005])


def test_four_p_values_by_hand():
    # sorted .005 .01 .03 .04; Holm · 4 3 2 1 = .02 .03 .06 .04, rising; BH · 4/1 4/2 4/3 4/4 = .02 .02 .04 .04
    assert holm(P) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(P) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_no_p_value_is_above_1_and_one_alone_is_itself():
    assert holm(np.array([0.7, 0.9])).tolist() == [1, 1]
    assert benjamini_hochberg(np.array([0.7, 0.9])).tolist() == [0.9, 0.9]
    assert holm(np.array([0.03])).tolist() == benjamini_hochberg(np.array([0.03])).tolist() == [0.03]
    assert len(holm(np.array([]))) == len(benjamini_hochberg(np.array([]))) == 0


@pytest.mark.parametrize("seed", range(20))
def test_rejections_are_those_of_stepping_down_and_up(seed):
    """The procedures as their authors wrote them, at one α, without adjusted p-values."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.3, 2, 9), 3)  # with ties
    order, m = np.argsort(p), len(p)
    for alpha in (0.01, 0.05, 0.2):
        down = next((i for i in range(m) if p[order[i]] > alpha / (m - i)), m)
        assert set(np.flatnonzero(holm(p) <= alpha + 1e-12)) == set(order[:down])
        up = max((i + 1 for i in range(m) if p[order[i]] <= alpha * (i + 1) / m + 1e-12), default=0)
        assert set(np.flatnonzero(benjamini_hochberg(p) <= alpha + 1e-12)) == set(order[:up])


@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
def test_what_is_no_p_value_is_refused(adjusted):
    with pytest.raises(ShapeError, match=r"p-values in \[0, 1\] in a row, got \[1\.5\]; leave out comparisons without"):
        adjusted(np.array([0.1, 1.5]))
    with pytest.raises(ShapeError, match=r"got \[nan\]"):
        adjusted(np.array([0.1, np.nan]))
    with pytest.raises(ShapeError, match=r"in a row, got \(1, 2\)"):
        adjusted(np.array([[0.1, 0.2]]))


def fooled(runs):
    """Five arms against one control: how often any null is rejected, plainly and by Holm; BH's share of false finds.

    For the last, two of the arms are truly better.
    """
    rng = np.random.default_rng(3)
    errors = rng.normal(size=(runs, 5)) - rng.normal(size=(runs, 1))
    null = 2 * stats.norm.sf(np.abs(errors) / np.sqrt(2))
    better = 2 * stats.norm.sf(np.abs(errors + np.array([5, 5, 0, 0, 0])) / np.sqrt(2))
    found = np.array([benjamini_hochberg(p) <= 0.05 for p in better])
    false = found[:, 2:].sum(1) / np.maximum(found.sum(1), 1)
    return (null <= 0.05).any(1).mean(), np.mean([(holm(p) <= 0.05).any() for p in null]), false.mean()


def test_five_arms_fool_the_plain_p_value_only():
    plain, by_holm, false = fooled(500)
    assert plain >= 0.12
    assert 0.015 <= by_holm <= 0.07
    assert false <= 0.05


@pytest.mark.prove
def test_five_arms_fool_the_plain_p_value_only_in_10000():
    plain, by_holm, false = fooled(10_000)
    print(f"five equal arms: one is found in {plain:.2%} plainly, {by_holm:.2%} by Holm; BH, false finds {false:.2%}")
    assert plain >= 0.14
    assert by_holm <= 0.057
    assert false <= 0.05 * 3 / 5 + 0.005
