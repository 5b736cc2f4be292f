"""A verdict says what the intervals say, and finds no equality where the margin is the truth."""

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.compare import Estimate
from recsys.evaluation.equivalence import tost, verdict


def of(mean, low, high):
    return Estimate(mean=mean, low=low, high=high, n=900)


def said(wide, narrow, margin=0.02):
    return verdict("B", of(*wide), of(*narrow), margin=margin)


def test_p_value_by_hand():
    assert tost(0, 1, margin=1.644854) == pytest.approx(0.05, abs=1e-6)
    assert tost(0.5, 1, margin=2.144854) == pytest.approx(0.05, abs=1e-6)  # the nearer side decides
    assert tost(-0.5, 1, margin=2.144854) == pytest.approx(0.05, abs=1e-6)
    assert tost(2, 1, margin=2) == pytest.approx(0.5)


def test_p_value_is_two_one_sided_t_tests():
    d = np.random.default_rng(0).normal(0.1, 1, 25)
    one_sided = [
        stats.ttest_1samp(d, -0.6, alternative="greater").pvalue,
        stats.ttest_1samp(d, 0.6, alternative="less").pvalue,
    ]
    assert tost(d.mean(), stats.sem(d), margin=0.6, freedom=24) == pytest.approx(max(one_sided))


@pytest.mark.parametrize("mean", [-0.4, 0.0, 0.21, 0.22])
def test_p_below_5_percent_is_the_90_percent_interval_within_the_margin(mean):
    low, high = stats.norm.interval(0.9, mean, 0.1)
    equivalent = said((mean, mean - 0.196, mean + 0.196), (mean, low, high), margin=0.38).equivalent
    assert equivalent == (tost(mean, 0.1, margin=0.38) < 0.05)
    assert equivalent == (mean in (0.0, 0.21))


def test_better_and_worse():
    better = said((0.031, 0.012, 0.050), (0.031, 0.015, 0.047))
    assert (better.direction, better.equivalent) == ("better", False)
    assert better.sentence == "B is better by 3.1 % (1.2 to 5.0)."
    worse = said((-0.031, -0.050, -0.012), (-0.031, -0.047, -0.015))
    assert (worse.direction, worse.sentence) == ("worse", "B is worse by 3.1 % (1.2 to 5.0).")


def test_surely_better_and_surely_by_little():
    got = said((0.010, 0.004, 0.0162), (0.010, 0.005, 0.015))
    assert (got.direction, got.equivalent) == ("better", True)
    assert got.sentence == "B is better by 1.0 % (0.4 to 1.6); a difference of 2 % or more is excluded."


def test_as_good():
    got = said((0.003, -0.018, 0.021), (0.003, -0.0150, 0.0183))
    assert (got.direction, got.equivalent) == ("unclear", True)
    assert got.sentence == "No difference of 2 % or more: B +0.3 % (90 %: -1.5 to 1.8)."
    wide, narrow = of(0.003, -0.018, 0.021), of(0.003, -0.0150, 0.0183)
    assert "(98 %: -1.5 to 1.8)" in verdict("B", wide, narrow, margin=0.02, level=0.99).sentence


def test_nothing_to_be_told():
    got = said((-0.004, -0.031, 0.023), (-0.004, -0.027, 0.019), margin=0.025)
    assert (got.direction, got.equivalent) == ("unclear", False)
    assert got.sentence == (
        "Not to be told apart, and a difference of 2.5 % cannot be excluded: B -0.4 % (-3.1 to 2.3)."
    )


def test_narrow_intervals_are_told_with_more_decimals():
    assert said((0.0012, 0.0004, 0.002), (0.0012, 0.0005, 0.0019)).sentence.startswith("B is better by 0.12 % (0.04 to")


def test_no_interval_no_verdict():
    alone = Estimate(mean=0.1, low=None, high=None, n=1)
    assert verdict("B", alone, alone, margin=0.02).sentence == "Nothing can be told of B: one user."
    undefined = Estimate(mean=0.1, low=None, high=None, n=70)
    got = verdict("B", undefined, undefined, margin=0.02)
    assert got.sentence == "Nothing can be told of B: an interval cannot be given."
    assert (got.direction, got.equivalent) == ("unclear", False)


def called_equal(runs, truth, users=60):
    """How often paired differences of a mean of `truth` are called smaller than .5."""
    d = np.random.default_rng(9).normal(truth, 1, (runs, users))
    each = zip(d.mean(1), stats.sem(d, axis=1), strict=True)
    return np.mean([tost(mean, error, margin=0.5, freedom=users - 1) <= 0.05 for mean, error in each])


def test_the_margin_itself_is_rarely_called_equal():
    assert 0.02 <= called_equal(400, 0.5) <= 0.09
    assert called_equal(100, 0.0) >= 0.9


@pytest.mark.prove
def test_the_margin_itself_is_called_equal_in_5_percent_of_10000():
    up, down, equal = (called_equal(10_000, truth) for truth in (0.5, -0.5, 0.0))
    print(f"TOST, 60 users: at ± the margin called equal in {up:.2%} and {down:.2%}, at 0 in {equal:.1%}")
    assert abs(up - 0.05) <= 0.007
    assert abs(down - 0.05) <= 0.007
