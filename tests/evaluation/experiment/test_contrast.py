"""Differences between arms: what is told is what is there, and no more."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.cuped import adjust
from recsys.evaluation.experiment.contrast import Contrast, contrasts
from recsys.evaluation.experiment.totals import Totals
from recsys.evaluation.power import detectable
from tests.evaluation.correlated import totals as clicks

NAMES = ("a", "b", "c")


def made(rng, users, *, arms=2, lift=0.0, past=False):
    """Users of correlated requests; those of all arms but a earn `lift` clicks more a user; the past is as they are."""
    rate = rng.beta(0.7, 1.6, users)
    seen = 1.0 + rng.poisson(9, users)
    arm_idx = rng.integers(0, arms, users).astype(np.int32)
    reward = rng.binomial(seen.astype(int), rate) + lift * (arm_idx > 0)
    zero = np.zeros(users)
    before = rng.binomial(20, rate).astype(float) if past else None
    return Totals(
        arm_idx=arm_idx,
        first=np.arange(users),
        answers=seen,
        degraded=zero,
        empty=zero,
        closed=seen,
        reward=reward,
        early=reward,
        before=before,
        impressions=None,
    )


def told(totals, *, arms=("b",), margin=0.02):
    return contrasts(totals, NAMES, control="a", arms=arms, margin=margin)


def test_a_difference_is_of_users_and_by_welch():
    totals = made(np.random.default_rng(0), 300, lift=0.5)
    (got,) = told(totals)
    b, a = totals.reward[totals.arm_idx == 1], totals.reward[totals.arm_idx == 0]
    expected = stats.ttest_ind(b, a, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert got.gap.control == a.mean()
    assert got.gap.absolute.mean == pytest.approx(b.mean() - a.mean())
    assert (got.gap.absolute.low, got.gap.absolute.high) == pytest.approx(tuple(bounds))
    narrow = expected.confidence_interval(0.9)
    assert (got.gap.absolute_narrow.low, got.gap.absolute_narrow.high) == pytest.approx(tuple(narrow))
    assert got.gap.relative.mean == pytest.approx(b.mean() / a.mean() - 1)
    assert got.gap.p_value == got.holm == pytest.approx(expected.pvalue)
    assert got.gap.detectable == pytest.approx(detectable(np.hypot(stats.sem(b), stats.sem(a))))
    assert got.by_request.mean == pytest.approx(
        b.sum() / totals.closed[totals.arm_idx == 1].sum() / (a.sum() / totals.closed[totals.arm_idx == 0].sum()) - 1
    )


def test_users_without_a_closed_answer_do_not_count():
    totals = made(np.random.default_rng(0), 300)
    late = np.arange(300) % 5 == 0
    waiting = replace(
        totals, closed=np.where(late, 0.0, totals.closed), reward=np.where(late, 0.0, totals.reward), before=None
    )
    (got,) = told(waiting)
    assert got.gap.absolute.n == 240
    assert got.gap.control == pytest.approx(totals.reward[(totals.arm_idx == 0) & ~late].mean())


def test_several_arms_are_corrected_by_holm_in_words_too():
    totals = made(np.random.default_rng(5), 900, arms=3)
    b = totals.arm_idx == 1
    shift = 0.55 - (totals.reward[b].mean() - totals.reward[totals.arm_idx == 0].mean())
    got = told(replace(totals, reward=totals.reward + shift * b), arms=("b", "c"))
    p = [each.gap.p_value for each in got]
    assert p[0] < 0.05 < 2 * p[0] < p[1]
    assert [each.holm for each in got] == pytest.approx([2 * p[0], max(p[1], 2 * p[0])])
    assert got[0].sentence.endswith(f"Among 2 arms that may be chance: p = {2 * p[0]:.2g} (Holm).")
    assert got[1].sentence == got[1].gap.verdict.sentence
    (alone,) = told(replace(totals, reward=totals.reward + shift * b))
    assert alone.sentence == alone.gap.verdict.sentence
    assert "better" in alone.sentence


def test_arms_that_earn_nothing_are_not_told_apart():
    totals = made(np.random.default_rng(0), 200)
    (got,) = told(replace(totals, reward=np.zeros(200)))
    assert (got.gap.relative, got.gap.p_value, got.holm, got.gap.detectable) == (None, None, None, None)
    assert got.sentence == "Nothing can be told of b: an interval cannot be given."


def test_the_past_takes_noise_away_and_leaves_the_effect():
    totals = made(np.random.default_rng(1), 2000, lift=0.3, past=True)
    (got,) = told(totals)
    gap, adjusted = got.gap.absolute, got.adjusted.gap.absolute
    assert got.adjusted.reduction > 0.4
    assert (adjusted.high - adjusted.low) ** 2 < 0.6 * (gap.high - gap.low) ** 2
    assert adjusted.low < 0.3 < adjusted.high
    assert got.adjusted.covered == np.count_nonzero(totals.before)


def test_the_past_of_who_is_not_compared_is_nothing():
    totals = made(np.random.default_rng(2), 600, arms=3, past=True)
    waiting = np.arange(600) % 7 == 0
    mine = (totals.arm_idx < 2) & ~waiting
    (got,) = told(replace(totals, closed=np.where(waiting, 0.0, totals.closed)))
    by_hand = adjust(totals.reward[mine], totals.before[mine], totals.arm_idx[mine])
    b, a = (by_hand.value[totals.arm_idx[mine] == arm] for arm in (1, 0))
    assert got.adjusted.gap.absolute.mean == pytest.approx(b.mean() - a.mean())
    assert got.adjusted.reduction == pytest.approx(by_hand.reduction)


def test_no_past_is_no_adjustment():
    totals = made(np.random.default_rng(1), 200, past=True)
    assert told(replace(totals, before=None))[0].adjusted is None
    assert told(replace(totals, before=np.where(totals.arm_idx == 2, 1.0, 0.0)))[0].adjusted is None
    one = np.zeros(200)
    one[3] = 1
    assert told(replace(totals, before=one))[0].adjusted.covered == 1


def share(runs, users, judged, **world):
    """How often something is so in `runs` experiments."""
    return sum(bool(judged(told(made(np.random.default_rng(seed), users, **world))[0])) for seed in range(runs))


def apart(found: Contrast):
    return found.gap.verdict.direction != "unclear"


def test_equal_arms_are_told_apart_in_one_of_twenty():
    for judged in (apart, lambda found: found.adjusted.gap.verdict.direction != "unclear"):
        assert stats.binomtest(share(400, 200, judged, past=True), 400, 0.05).pvalue > 1e-3


def test_an_effect_is_covered_and_found_as_often_as_planned():
    """At the effect that is said to be detectable, four of five experiments find it."""
    rng = np.random.default_rng(99)
    seen, n = clicks(rng, 20_000)[0], 1000
    lift = detectable(np.sqrt(4 * seen.var() / n))
    found = share(400, n, apart, lift=lift)
    assert stats.binomtest(found, 400, 0.8).pvalue > 1e-3
    held = share(400, n, lambda each: each.gap.absolute.low < lift < each.gap.absolute.high, lift=lift)
    assert stats.binomtest(held, 400, 0.95).pvalue > 1e-3


def test_any_of_several_equal_arms_is_told_apart_in_one_of_twenty_at_most():
    wrong = 0
    for seed in range(300):
        got = told(made(np.random.default_rng(seed), 300, arms=3), arms=("b", "c"))
        wrong += min(each.holm for each in got) < 0.05
    assert stats.binomtest(wrong, 300, 0.05, alternative="greater").pvalue > 1e-3
