"""Events are joined to the places they name, each once and in time; what is not used is counted."""

import numpy as np
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.log.rewards import EventCounts, Rewards
from tests.evaluation.off_policy.small_log import answer, event, log

HOURLY = OffPolicyConfig(window_hours=1)
LISTS = [answer("r1", 0, "x", "y", "z"), answer("r2", 10), answer("r3", 20, "y", "x")]


def joined(*events: dict, config: OffPolicyConfig = HOURLY, answers: list[list[dict]] = LISTS) -> Rewards:
    made = log(answers, events)
    return Rewards.of(made, Answers.read(made, since=None, until=None), config)


def test_each_place_earns_what_is_told_of_its_answer_and_item():
    found = joined(event("r1", "y", 5), event("r1", "y", 6), event("r3", "x", 30), event("r3", "y", 20))
    assert found.reward.tolist() == [0, 2, 0, 1, 1]
    assert found.events == EventCounts(used=4)
    assert found.refused() == ()


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (event("r1", "x", 60), "late"),
        (event("r1", "x", -0.01), "early"),
        (event("r1", "x", 5, user_id="else"), "other_user"),
        (event("r1", "x", 5, user_id=None), "other_user"),
        (event("r1", "w", 5), "not_shown"),
        (event("r1", "w", 5, user_id="else"), "other_user"),
        (event("r2", "x", 15), "not_shown"),
        (event("r9", "x", 5), "unnamed"),
        (event("r1", "x", 5, request_id=None), "unnamed"),
        (event("r1", "x", 5, timestamp=None), "unnamed"),
        (event("r1", "x", 0), "used"),
        (event("r1", "x", 59.99), "used"),
    ],
)
def test_what_does_not_fit_is_counted_and_earns_nothing(told, kind):
    found = joined(told)
    assert found.events == EventCounts(**{kind: 1})
    assert found.events.total == 1
    assert found.reward.sum() == (kind == "used")


def test_an_event_counts_once():
    assert joined(event("r1", "x", 5), event("r1", "x", 5)).reward.sum() == 1


def test_a_request_without_a_user_takes_whoever_posts():
    answers = [answer("r1", 0, "x", user_id=None)]
    assert joined(event("r1", "x", 5, user_id="anybody"), answers=answers).reward.tolist() == [1]


def test_of_answers_with_one_name_the_last_earns():
    answers = [answer("r1", 0, "x", "y"), answer("r1", 10, "y", "x")]
    assert joined(event("r1", "x", 12), answers=answers).reward.tolist() == [0, 0, 0, 1]


def test_roles_earn_their_weight_or_that_many_times_their_value():
    config = OffPolicyConfig(window_hours=1, rewards={"cart": 0.5, "purchase": 2}, by_value=("purchase",))
    told = [event("r1", "x", 1, event="cart"), event("r1", "y", 2, event="purchase", value=3.0), event("r1", "z", 3)]
    told += [event("r1", "z", 4, event="purchase"), event("r1", "x", 5, event="cart", value=99.0)]
    found = joined(*told, config=config)
    assert found.reward.tolist() == [0.5 + 0.5, 2 * 3, 0, 0, 0]
    assert found.events == EventCounts(used=3, without_value=1)
    assert found.posted == {"cart": 2, "click": 1, "purchase": 2}


@pytest.mark.parametrize(("value", "name"), [(np.nan, "rewards-not-finite"), (np.inf, "rewards-not-finite")])
def test_a_reward_that_is_no_number_is_refused(value, name):
    config = OffPolicyConfig(window_hours=1, rewards={"purchase": 1}, by_value=("purchase",))
    (refusal,) = joined(event("r1", "x", 1, event="purchase", value=value), config=config).refused()
    assert refusal.name == name
    assert refusal.because == "1 of 5 rows (20 %) have a reward that is no finite number."
    assert "leave their role out of by_value" in refusal.cure
    assert joined(event("r1", "x", 1, value=value)).refused() == ()  # it does not earn by its value


def test_a_reward_below_zero_is_refused():
    config = OffPolicyConfig(window_hours=1, rewards={"purchase": 1}, by_value=("purchase",))
    told = [event("r1", "x", 1, event="purchase", value=-0.5), event("r1", "y", 1, event="purchase", value=0.0)]
    (refusal,) = joined(*told, config=config).refused()
    assert (refusal.name, refusal.because) == ("negative-rewards", "1 of 2 events (50 %) earn less than nothing.")
    assert joined(told[1], config=config).refused() == ()


def test_clocks_that_differ_are_refused_and_one_event_in_a_hundred_is_not():
    good = [event("r1", "x", n / 100) for n in range(99)]
    assert joined(*good, event("r1", "y", -1)).refused() == ()
    (refusal,) = joined(*good[1:], event("r1", "y", -1), event("r1", "y", -2)).refused()
    assert refusal.name == "clock-skew"
    assert refusal.because == (
        "2 of 100 events (2 %) of an item of their answer are told to be older than it, more than 1%."
    )
    assert "set them by one clock (NTP)" in refusal.cure


def test_a_log_that_earned_nothing_tells_why():
    (refusal,) = joined(event("r1", "w", 5), event("r9", "x", 5), event("r1", "x", 2, event="purchase")).refused()
    assert refusal.name == "no-rewards"
    assert refusal.because == (
        "Nothing was earned: of 2 events of roles that earn, 1 name no answer that is evaluated, 0 are of another user "
        "than it, 1 of an item not in it, 0 early, 0 late, 0 without a value."
    )
    assert refusal.cure == (
        "Post events with the request_id of their answer, or set rewards to roles that are there (click 2, purchase 1)."
    )
