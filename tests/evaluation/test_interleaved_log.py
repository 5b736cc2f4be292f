"""A log's contests: every list of its arm and its two rankings, every click where it counts."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.interleave import preference
from recsys.evaluation.interleaved_log import InterleavedLog
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.log.rewards import EventCounts
from tests.evaluation.off_policy.small_log import LATER, answer, at, event, log

HOURLY = OffPolicyConfig(window_hours=1)


def mixed(name: str, minute: float, *places: tuple[str, float | None], **more: object) -> list[dict]:
    """(item, P(first)) of each place of an interleaved list of the bundles aaa and bbb."""
    told = {"policy": "team_draft", "params": '{"first":"aaa","second":"bbb"}'} | more
    rows = answer(name, minute, *(item for item, _ in places), **told)
    return [row | {"first": first} for row, (_, first) in zip(rows, places or [("", None)], strict=True)]


def read(answers: list[list[dict]], events: list[dict], config: OffPolicyConfig = HOURLY) -> InterleavedLog:
    found = InterleavedLog.of(log(answers, events), config, as_of=LATER)
    assert isinstance(found, InterleavedLog), [str(each) for each in found]
    return found


def names(answers: list[list[dict]], events: list[dict], **more: object) -> list[str]:
    found = InterleavedLog.of(log(answers, events), HOURLY, **{"as_of": LATER} | more)
    return [] if isinstance(found, InterleavedLog) else [each.name for each in found]


BOTH = [("x", 1.0), ("y", 0.0)]


def test_clicks_are_joined_to_the_places_of_their_contest():
    answers = [
        mixed("r0", 0, ("x", 1.0), ("y", 0.0), ("z", None), user_id="ann"),
        mixed("r1", 1, ("y", 0.75), ("x", 0.5), user_id="bob", policy="probabilistic"),
        mixed("r2", 2, ("z", 0.0), user_id=None),
        mixed("r3", 3, user_id="ann"),
        answer("r4", 4, "x", "y"),
    ]
    events = [
        event("r0", "x", 1, user_id="ann"),
        event("r0", "z", 1, user_id="ann"),
        event("r0", "y", 1, user_id="bob"),
        event("r1", "y", 61, user_id="bob"),
        event("r1", "x", 60.5, user_id="bob"),
        event("r2", "z", 3, user_id="anyone"),
        event("r4", "x", 5),
        event("r0", "y", 2, user_id="ann", event="purchase"),
    ]
    found = read(answers, events)
    told = [(each.arm, each.way, each.first, each.second) for each in found.contests]
    assert told == [("a", "probabilistic", "aaa", "bbb"), ("a", "team_draft", "aaa", "bbb")]
    drawn, drafted = (each.clicks for each in found.contests)
    assert (drawn.indptr.tolist(), drawn.first.tolist(), drawn.clicked.tolist()) == ([0, 2], [0.75, 0.5], [False, True])
    assert drafted.indptr.tolist() == [0, 3, 4, 4]
    np.testing.assert_array_equal(drafted.first, [1.0, 0.0, np.nan, 0.0])
    assert drafted.clicked.tolist() == [True, False, True, True]
    assert drafted.user_idx[0] == drafted.user_idx[2] != drafted.user_idx[1]
    assert found.events == EventCounts(used=4, other_user=1, late=1, unnamed=1)
    assert preference(drafted, samples=100).outcome.mean == pytest.approx((1 - 1) / 3)


def test_arms_and_pairs_of_bundles_are_contests_of_their_own():
    other = json.dumps({"first": "bbb", "second": "aaa"})
    answers = [
        mixed("r0", 0, *BOTH, arm="b"),
        mixed("r1", 1, *BOTH, arm="a"),
        mixed("r2", 2, *BOTH, arm="a", params=other),
        mixed("r3", 3, *BOTH, arm="b"),
    ]
    found = read(answers, [event("r3", "x", 4)])
    told = [(each.arm, each.first, len(each.clicks), each.clicks.clicked.sum()) for each in found.contests]
    assert told == [("a", "aaa", 1, 0), ("a", "bbb", 1, 0), ("b", "aaa", 2, 1)]


def test_what_a_client_does_not_have_or_was_no_whole_contest_is_left_out():
    good = [mixed(f"g{n}", n, *BOTH) for n in range(200)]
    again = [mixed("r0", 201, *BOTH), answer("r0", 202, "x", policy="deterministic")]
    broken = [mixed("r1", 203, *BOTH, degraded=["ranker"])]
    found = read(good + again + broken, [event("g0", "x", 1), event("r0", "x", 203)])
    assert (found.repeated, found.degraded, len(found.contests[0].clicks)) == (1, 1, 200)
    assert found.events == EventCounts(used=1, unnamed=1)


def test_a_log_without_interleaved_lists_has_no_contest():
    assert read([answer("r0", 0, "x")], [event("r0", "x", 1)]) == InterleavedLog()
    assert read([], []).contests == ()


def test_only_answers_of_the_time_asked_for_count():
    answers = [mixed(f"r{n}", n, *BOTH) for n in range(4)]
    found = read(answers, [event("r2", "x", 3)], OffPolicyConfig(since=at(1), until=at(3), window_hours=1))
    assert found.contests[0].clicks.clicked.tolist() == [False, False, True, False]


def test_roles_that_earn_are_clicks():
    config = OffPolicyConfig(window_hours=1, rewards={"purchase": 2.0}, by_value=("purchase",))
    answers = [mixed("r0", 0, *BOTH), mixed("r1", 1, *BOTH)]
    bought = [event(name, "x", 2, event="purchase", value=value) for name, value in (("r0", 0.0), ("r1", 3.0))]
    assert read(answers, [*bought, event("r0", "y", 2)], config).contests[0].clicks.clicked.tolist() == [
        False, False, True, False,
    ]  # fmt: skip


CLICK = [event("r0", "x", 1)]


@pytest.mark.parametrize(
    ("answers", "events", "name"),
    [
        ([mixed("r0", 0, ("x", 1.5), ("y", 0.0))], CLICK, "no-chances"),
        ([mixed("r0", 0, ("x", float("nan")), ("y", 0.0))], CLICK, "no-chances"),
        ([mixed("r0", 0, ("x", None), ("y", None))], CLICK, "no-contest"),
        ([mixed("r0", 0, *BOTH, params="{}")], CLICK, "unnamed-rankings"),
        ([mixed("r0", 0, *BOTH, params='{"first":1,"second":2}')], CLICK, "unnamed-rankings"),
        ([mixed("r0", 0, *BOTH, params="[")], CLICK, "unnamed-rankings"),
        ([mixed("r0", 0, *BOTH)], [], "no-rewards"),
        ([mixed("r0", 0, *BOTH), mixed("r1", 1, *BOTH, degraded=["arms"])], CLICK, "left-out"),
        ([mixed("r0", 0, *BOTH), mixed("r0", 0.5, *BOTH)], CLICK, "repeated-requests"),
        ([mixed("r0", 0, ("x", 1.0), ("x", 0.0))], CLICK, "duplicate-positions"),
        ([mixed("r0", 0, *BOTH, propensity=None)], CLICK, "missing-propensities"),
        ([mixed("r0", 0)], CLICK, "empty-log"),
    ],
)
def test_what_cannot_be_told_is_refused(answers, events, name):
    assert names(answers, events) == [name]


def test_a_window_that_is_open_is_refused():
    found = names([mixed("r0", 0, *BOTH), answer("r1", 30, "x")], CLICK, as_of=None)
    assert found == ["open-window"]
    assert names([mixed("r0", 0, *BOTH), answer("r1", 60, "x")], CLICK, as_of=None) == []


def test_refusals_are_sentences():
    (found,) = InterleavedLog.of(log([mixed("r0", 0, ("x", 1.5), ("y", 0.0))], CLICK), HOURLY, as_of=LATER)
    assert str(found) == (
        "1 of 2 rows (50 %) of interleaved lists have as `first` what is no probability, the first in request 'r0'. "
        "Whose item it is cannot be told: log with recsys serve, which writes P(the first ranking gave it)."
    )
    (found,) = InterleavedLog.of(log([mixed("r0", 0, *BOTH, params="[")], CLICK), HOURLY, as_of=LATER)
    assert found.because == "1 of 1 interleaved answers (100 %) have params that do not name two rankings."


def test_off_policy_evaluation_says_that_interleaved_lists_are_no_exploration():
    found = Logged.of(log([mixed("r0", 0, *BOTH), answer("r1", 1, "x", policy="deterministic")], CLICK), HOURLY)
    assert [each.name for each in found] == ["deterministic"]
    assert found[0].because == "The log does not explore: none of 1 answers beside 1 interleaved ones was drawn."


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.25, 1.0]), st.booleans()), min_size=1), st.data())
def test_the_order_of_the_rows_does_not_matter(lists, data):
    """(user, P(first), clicked) of lists of two places; each is also counted a second time, one by one."""
    answers = [mixed(f"r{n}", n, ("x", p), ("y", 1 - p), user_id=f"u{u}") for n, (u, p, _) in enumerate(lists)]
    events = [event(f"r{n}", "x", n + 1, user_id=f"u{u}") for n, (u, _, clicked) in enumerate(lists) if clicked]
    events.append(event("r0", "y", 1, user_id=f"u{lists[0][0]}"))
    rows = data.draw(st.permutations([row for each in answers for row in each]))
    (contest,) = read([rows], events).contests
    expected = [value for _, p, _ in lists for value in (p, 1 - p)]
    assert contest.clicks.first.tolist() == expected
    assert contest.clicks.clicked[::2].tolist() == [clicked for _, _, clicked in lists]
    assert contest.clicks.clicked[1::2].tolist() == [n == 0 for n in range(len(lists))]
    same = pl.Series(contest.clicks.user_idx).to_list()
    users = [u for u, _, _ in lists]
    assert [same.index(code) for code in same] == [users.index(user) for user in users]
