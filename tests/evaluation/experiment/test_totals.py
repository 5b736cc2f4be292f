"""What users got and gave, by hand."""

import numpy as np
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.seen import Seen
from recsys.evaluation.experiment.totals import Totals
from tests.evaluation.off_policy.small_log import LATER, answer, at, event, log

ANN, BOB, CAT = {"user_id": "ann"}, {"user_id": "bob"}, {"user_id": "cat"}
HOURS = 60
"""Minutes."""


def totals(answers, events, *, as_of=LATER, **config):
    made, settings = log(answers, events), OffPolicyConfig(**config)
    seen = Seen.of(made, settings, as_of=as_of)
    assert isinstance(seen, Seen), seen
    return Totals.of(made, seen, settings)


ANSWERS = [
    answer("r1", 0, "x", "y", arm="a", **ANN),
    answer("r2", 10 * HOURS, "y", arm="a", degraded=["ranker"], **ANN),
    answer("r3", 30 * HOURS, arm="a", **ANN),
    answer("r4", 5 * HOURS, "x", arm="b", **BOB),
    answer("r5", 48 * HOURS, "z", arm="b", **CAT),
]
EVENTS = [
    event("r1", "x", 1, **ANN),
    event("r1", "y", 23 * HOURS, **ANN),
    event("r2", "y", 30 * HOURS, **ANN),  # in time for r2, but a day and more after Ann came
    event("r4", "x", 6 * HOURS, event="impression", **BOB),
    event("r4", "x", 7 * HOURS, event="impression", **BOB),
    event("r5", "z", 49 * HOURS, **CAT),
]


def test_answers_and_rewards_are_summed_by_user():
    got = totals(ANSWERS, EVENTS)
    assert got.arm_idx.tolist() == [0, 1, 1]
    assert (got.first - got.first[0]).tolist() == [0, 5 * HOURS * 60_000_000, 48 * HOURS * 60_000_000]
    assert got.answers.tolist() == got.closed.tolist() == [3, 1, 1]
    assert got.degraded.tolist() == [1, 0, 0]
    assert got.empty.tolist() == [1, 0, 0]
    assert got.reward.tolist() == [3, 0, 1]
    assert got.early.tolist() == [2, 0, 1]
    assert got.impressions.tolist() == [0, 1, 0]
    assert got.before is None


def test_answers_whose_window_is_open_have_no_rewards_yet():
    """At hour 34 the windows of r1, r2 and r4 are closed, as are the first days of Ann and Bob."""
    got = totals(ANSWERS, EVENTS, as_of=int(at(34 * HOURS).timestamp()) * 1_000_000)
    assert got.answers.tolist() == [3, 1]
    assert got.closed.tolist() == [2, 1]
    assert got.reward.tolist() == [3, 0]
    early = totals(ANSWERS, EVENTS, as_of=int(at(34 * HOURS).timestamp()) * 1_000_000 - 1)
    assert early.closed.tolist() == [1, 1]
    assert early.reward.tolist() == [2, 0]
    day_of_bob = int(at(29 * HOURS).timestamp()) * 1_000_000
    for as_of, missing in ((day_of_bob, [False, False]), (day_of_bob - 1, [False, True])):
        assert np.isnan(totals(ANSWERS, EVENTS, as_of=as_of).early).tolist() == missing


def test_the_past_is_what_was_earned_before_the_first_answer_whoever_answered():
    more = [
        event("old", "q", -5, **ANN),
        event("old", "q", -4, value=3.0, event="purchase", **ANN),
        event("old", "q", -3, value=None, event="purchase", **ANN),
        event("old", "q", -2, event="view", **ANN),
        event("r4", "q", 5 * HOURS - 1, request_id=None, **BOB),
        event("r4", "w", 5 * HOURS, **BOB),
        event("old", "q", 1, user_id="stranger"),
    ]
    priced = {"rewards": {"click": 1.0, "purchase": 2.0}, "by_value": ("purchase",)}
    assert totals(ANSWERS, EVENTS + more, **priced).before.tolist() == [1 + 2 * 3, 1, 0]
    assert totals(ANSWERS, EVENTS + more[5:]).before is None


def test_an_event_that_is_logged_twice_counts_once():
    more = [event("old", "q", -5, **ANN)] * 2 + [EVENTS[0]]
    got = totals(ANSWERS, EVENTS + more)
    assert (got.before.tolist(), got.reward.tolist(), got.early.tolist()) == ([1, 0, 0], [3, 0, 1], [2, 0, 1])


def test_all_windows_open():
    noon = int(at(12 * HOURS).timestamp()) * 1_000_000
    (found,) = totals(ANSWERS, EVENTS, as_of=noon)
    assert found.name == "open-window"
    assert found.because.startswith("3 of 3 answers (100 %) were given less than 24 hours before 2026-01-01T12:00:00Z")
    assert isinstance(totals(ANSWERS, EVENTS, as_of=noon, window_hours=12), Totals)


@pytest.mark.parametrize(
    ("events", "name"),
    [
        ([], "no-rewards"),
        ([event("r1", "x", 1, value=-1.0, **ANN)], "negative-rewards"),
        ([event("r1", "x", -1, **ANN), EVENTS[0]], "clock-skew"),
        ([event("r1", "x", 1, value=float("inf"), **ANN)], "rewards-not-finite"),
    ],
)
def test_rewards_that_are_none(events, name):
    asked = {} if name in {"no-rewards", "clock-skew"} else {"by_value": ("click",)}
    found = totals(ANSWERS, events, **asked)
    assert [each.name for each in found] == [name]


def test_the_window_is_as_long_as_was_said():
    assert totals(ANSWERS, EVENTS, window_hours=20).reward.tolist() == [1, 0, 1]
    assert totals(ANSWERS, EVENTS, window_hours=20).early.tolist() == [1, 0, 1]
