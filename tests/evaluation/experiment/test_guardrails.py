"""What must not get worse: kept where that is proved, broken where the contrary is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.compare import Estimate
from recsys.evaluation.experiment.guardrails import guardrails, judged
from recsys.evaluation.experiment.totals import Totals


def made(rng, users, *, degraded=(0.0, 0.0), empty=(0.0, 0.0), asked=(9, 9)):
    """Two arms of which each has its rates, and its mean of answers a user besides the first."""
    arm_idx = (np.arange(users) % 2).astype(np.int32)
    answers = 1 + rng.poisson(np.array(asked)[arm_idx])
    bad, none = (rng.binomial(answers, np.array(rate)[arm_idx]).astype(float) for rate in (degraded, empty))
    some = answers.astype(float)
    return Totals(
        arm_idx=arm_idx,
        first=np.arange(users),
        answers=some,
        degraded=bad,
        empty=none,
        closed=some,
        reward=some,
        early=some,
        before=None,
        impressions=None,
    )


def rails(totals, margin=0.02):
    return {each.what: each for each in guardrails(totals, ("a", "b"), control="a", arms=("b",), margin=margin)}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.5, 0.0199, "kept"),
        (0.001, 0.0199, "kept"),
        (-0.5, 0.02, "not to be told"),
        (0.02, 0.5, "not to be told"),
        (0.0201, 0.5, "broken"),
    ],
)
def test_an_interval_is_judged_by_the_limit_on_either_side(low, high, expected):
    assert judged(Estimate(mean=0, low=low, high=high, n=9), 0.02) == expected
    assert judged(Estimate(mean=0, low=-high, high=-low, n=9), -0.02) == expected


def test_no_interval_tells_nothing():
    assert judged(Estimate(mean=0, low=None, high=None, n=9), 0.02) == "not to be told"
    assert judged(None, 0.02) == "not to be told"


def test_a_service_that_does_well_keeps_all():
    got = rails(made(np.random.default_rng(0), 20_000))
    assert {what: each.judgement for what, each in got.items()} == {
        "answers degraded": "kept",
        "lists empty": "kept",
        "answers a user": "kept",
    }
    assert got["answers degraded"].difference.mean == 0
    assert (got["answers degraded"].limit, got["answers a user"].limit) == (0.02, -0.02)


def test_each_guardrail_is_broken_by_its_own_fault():
    rng = np.random.default_rng(0)
    for what, fault in (
        ("answers degraded", {"degraded": (0.01, 0.05)}),
        ("lists empty", {"empty": (0.0, 0.04)}),
        ("answers a user", {"asked": (9, 8)}),
    ):
        got = rails(made(rng, 20_000, **fault))
        assert {name for name, each in got.items() if each.judgement == "broken"} == {what}
        assert {each.judgement for name, each in got.items() if name != what} == {"kept"}
    assert got["answers a user"].value == pytest.approx(9, abs=0.1)
    assert got["answers a user"].difference.mean == pytest.approx(-0.1, abs=0.01)


def test_few_users_tell_nothing():
    got = rails(made(np.random.default_rng(0), 100))
    assert {each.judgement for each in got.values()} == {"not to be told"}


def test_what_is_better_or_a_little_worse_is_kept():
    got = rails(made(np.random.default_rng(0), 20_000, degraded=(0.05, 0.01), empty=(0.01, 0.015), asked=(8, 9)))
    assert {each.judgement for each in got.values()} == {"kept"}
    assert got["lists empty"].difference.low > 0


def test_users_who_all_ask_as_often_leave_no_doubt():
    totals = made(np.random.default_rng(0), 100)
    same = replace(totals, answers=np.full(100, 4.0))
    assert rails(same)["answers a user"].judgement == "kept"
    less = replace(totals, answers=np.where(totals.arm_idx == 1, 3.0, 4.0))
    assert rails(less)["answers a user"].judgement == "broken"


def test_a_loss_as_large_as_the_margin_passes_in_one_of_forty():
    """One-sided, at 2.5 %; users who have bad days altogether besides."""
    kept = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        totals = made(rng, 600)
        rate = np.where(totals.arm_idx == 1, 0.07, 0.05) * rng.gamma(2, 0.5, 600)
        bad = rng.binomial(totals.answers.astype(int), np.minimum(rate, 1)).astype(float)
        kept += rails(replace(totals, degraded=bad))["answers degraded"].judgement == "kept"
    assert stats.binomtest(kept, 400, 0.025).pvalue > 1e-3
