"""What speaks against an estimate of one policy: each reason at its limit and just inside it."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.off_policy.judging.overlap import Overlap
from recsys.evaluation.off_policy.judging.refusals import of_policy, of_shares, of_training
from recsys.evaluation.off_policy.log.pace import Pace
from recsys.evaluation.refusal import Refusal
from recsys.schema import DAY

PACE = Pace(answers=20_000, span=10.0 * DAY, length=1.0, policy="epsilon_greedy", rate=0.1)
GOOD = Overlap(
    requests=20_000,
    users=5_000,
    effective=4_000.0,
    mean=1.01,
    error=0.02,
    largest=9.0,
    largest_user=0.001,
    tail=(0.5, 2.0, 4.0, 8.0),
    histogram=(0,) * 7 + (12_000, 8_000) + (0,) * 7,
    unsupported=0.001,
)


def only(pace: Pace = PACE, **facts: float) -> Refusal:
    (found,) = of_policy("new", replace(GOOD, **facts), pace)
    return found


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"unsupported": 0.01},
        {"unsupported": None},
        {"users": 50},
        {"mean": 1.0599},
        {"mean": 0.9401},
        {"error": None},
        {"effective": 200.0},
        {"requests": 9_999, "effective": 100.0},
        {"largest_user": 0.1},
    ],
)
def test_what_is_just_enough_is_not_refused(facts):
    assert of_policy("new", replace(GOOD, **facts), PACE) == ()


def test_items_that_the_log_could_not_show():
    found = only(unsupported=0.0125)
    assert found.name == "no-support"
    assert found.because == "1.25 % of what new would show was no candidate when the log was drawn, more than 1 %."
    assert "name its bundle as an arm of the experiment" in found.cure


def test_few_users():
    found = only(users=40)
    assert found.name == "few-users"
    assert found.because == "The log has 40 users, fewer than 50: intervals over so few are too narrow."
    assert found.cure == "If users come as they did: about 3 days more of logging like this one (10 days so far)."


def test_a_mean_weight_below_one_lacks_support_and_one_above_is_wrong():
    low, high = only(mean=0.93), only(mean=1.07)
    assert low.name == high.name == "mean-weight"
    assert low.because == ("new: the mean weight is 0.93, 3.5 standard errors (users as clusters) from 1, more than 3.")
    assert "It shows what the log could not" in low.cure
    assert "sum to at most 1 over the candidates" in high.cure
    assert "with no error at all from 1" in only(mean=1.07, error=0.0).because


def test_too_few_answers_that_count_take_longer_logging():
    found = only(requests=2_000, effective=40.0)
    assert found.name == "little-overlap"
    assert found.because == (
        "The log weighs as much as 40 answers of new (effective sample size, of 2,000 logged), fewer than 100."
    )
    assert found.cure == "About 15 days more of logging like this one (10 days so far)."  # 10 days · (100/40 - 1)


def test_too_small_a_share_that_counts_takes_more_exploration():
    found = only(requests=40_000, effective=100.0)
    assert found.because.endswith("(effective sample size, of 40,000 logged), less than 1 % of them.")
    assert found.cure == (  # 0.1 · .01/.0025; 10,000 answers are half of 20,000 in 10 days
        "Epsilon about 0.4 (now 0.1), and then 10,000 answers, 5 days at the pace of this log."
    )
    drawn = replace(PACE, policy="plackett_luce", rate=0.2)
    assert (
        "Temperature about 0.26 (now 0.2)" in only(drawn, requests=40_000, effective=100.0).cure
    )  # .2 ln .0025/ln .01
    assert "fewer than 100." in only(requests=40_000, effective=99.0).because
    assert only(effective=0.0, mean=1.0).cure == (
        "Not one of its lists was shown: name this policy as an arm of the experiment, and log again."
    )


def test_one_user_with_too_much_weight():
    found = only(largest_user=0.25)
    assert found.name == "one-user"
    assert found.because == "One user has 25 % of the weight of new, more than 10 %."
    assert "log about 15 days more" in found.cure


def test_all_reasons_are_told():
    facts = replace(GOOD, unsupported=0.5, users=3, mean=0.1, effective=5.0, largest_user=0.9)
    names = [each.name for each in of_policy("new", facts, PACE)]
    assert names == ["no-support", "few-users", "mean-weight", "little-overlap", "one-user"]


def test_a_policy_that_learnt_from_the_log():
    at = np.arange(10, dtype=np.int64) * DAY
    assert of_training("new", trained_until=0, at=at, pace=PACE) == ()
    (found,) = of_training("new", trained_until=3 * DAY, at=at, pace=PACE)
    assert found.name == "trained-on-log"
    assert found.because == (
        "new was trained on events until 1970-01-04T00:00:00Z, later than 3 of 10 answers (30 %) it is judged by."
    )
    assert found.cure == (
        "It would be praised for what it remembers: give since=1970-01-04T00:00:00Z, which leaves 7 answers, or judge "
        "a bundle that ends by 1970-01-01T00:00:00Z."
    )
    (found,) = of_training("new", trained_until=99 * DAY, at=at, pace=PACE)
    assert "log 10,000 answers, 5 days at the pace of this log after 1970-04-10T00:00:00Z" in found.cure


def test_arms_that_have_other_users_than_they_were_meant_to_have():
    (found,) = of_shares({"a": 5_200, "b": 4_800, "holdout": 7}, {"a": 1, "b": 1})
    assert found.name == "sample-ratio"
    assert found.because == ("Arm 'a' has 5,200 of 10,000 users (52 %) instead of 50 % (p = 6.3e-05, less than 0.001).")
    assert "depends on more than chance" in found.cure
    assert of_shares({"a": 5_150, "b": 4_850}, {"a": 1, "b": 1}) == ()  # p = .0027
    assert of_shares({"a": 5_200, "b": 4_800}, {"a": 0.52, "b": 0.48}) == ()
    assert of_shares({"a": 9}, {"a": 1}) == of_shares({}, {"a": 1, "b": 1}) == of_shares({"a": 9, "b": 1}, {}) == ()
    assert len(of_shares({"a": 50}, {"a": 1, "b": 1})) == 1
