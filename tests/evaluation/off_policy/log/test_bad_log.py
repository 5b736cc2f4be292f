"""Each fault of a log is refused by name, with its number and a cure; what is nearly one is not."""

import math

import numpy as np
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.bad_log import of_window
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.refusal import Refusal
from tests.evaluation.off_policy.small_log import GOOD, LATER, answer, at, log, many


def refusals(answers: list[list[dict]], candidates: tuple[dict, ...] = (), **config: object) -> list[Refusal]:
    found = Logged.of(log(answers, [GOOD], candidates), OffPolicyConfig(**config), as_of=LATER)
    return list(found) if isinstance(found, tuple) else []


def only(answers: list[list[dict]], candidates: tuple[dict, ...] = (), **config: object) -> Refusal:
    (found,) = refusals(answers, candidates, **config)
    return found


def test_a_good_log_is_not_refused():
    assert refusals(many(20)) == []


def test_an_empty_log():
    found = only([])
    assert (found.name, found.because) == ("empty-log", "There is nothing to evaluate in the log: it has no answers.")
    assert "Give the folder that recsys serve --log writes to" in found.cure
    assert only(many(3), since=at(99)).name == "empty-log"
    found = only([answer("r1", 0), answer("r2", 0)])
    assert found.because == "There is nothing to evaluate in the log: all 2 answers are without items."
    assert refusals([*many(1), answer("none", 1)]) == []


@pytest.mark.parametrize(
    ("value", "name", "words"),
    [
        (None, "missing-propensities", "have no propensity"),
        (math.nan, "propensities-not-finite", "have a propensity that is no number"),
        (math.inf, "propensities-not-finite", "have a propensity that is no number"),
        (0.0, "propensities-not-positive", "have a propensity of 0 or less"),
        (-0.5, "propensities-not-positive", "have a propensity of 0 or less"),
        (1e-310, "propensities-not-positive", "have a propensity of 0 or less"),
        (1.00001, "propensities-above-one", "have a propensity above 1"),
    ],
)
def test_a_propensity_that_is_none(value, name, words):
    found = only([*many(4), answer("bad", 9, "x", "y", propensity=value)])
    assert found.name == name
    assert found.because == f"2 of 10 rows (20 %) {words}, the first in request 'bad'."
    assert found.cure == (
        "Weights cannot be made of them, and leaving rows out would favour some items: log with recsys serve, which "
        "writes the propensity of every place."
    )


@pytest.mark.parametrize("value", [1.0, 1 + 1e-7, 1e-300])
def test_a_propensity_that_is_nearly_none(value):
    found = Logged.of(log([*many(4), answer("good", 9, "x", propensity=value)], [GOOD]), as_of=LATER)
    assert isinstance(found, Logged)
    assert found.propensity[-1] == min(value, 1)


def test_a_column_of_propensities_that_is_missing():
    assert only(many(9, propensity=None)).because.startswith("18 of 18 rows (100 %) have no propensity")


def test_a_position_or_an_item_twice():
    twice = [*answer("r1", 5, "x", "y"), *answer("r1", 5, "q")]
    found = only([*many(1), twice])
    assert found.name == "duplicate-positions"
    assert found.because == "1 of 2 answers (50 %) have a position, or an item, twice."
    assert only([*many(1), answer("r1", 5, "x", "x")]).name == "duplicate-positions"
    assert refusals([*many(1), answer("r1", 5, "x"), answer("r2", 5, "x")]) == []


def test_positions_with_gaps():
    from_zero = [row | {"position": row["position"] - 1} for row in answer("r1", 5, "x", "y")]
    for bad in (from_zero, answer("r1", 5, "x", "y", "z")[::2], [answer("r1", 5, "x", item_id=None)[0]]):
        found = only([*many(3), bad])
        assert found.name == "gaps"
        assert found.because == "1 of 4 answers (25 %) have not one item at each position from 1 on."
    assert refusals([*many(3), answer("r4", 5, "x", "y", "z")[:2]]) == []


def test_rows_of_one_answer_that_contradict_each_other():
    rows = answer("r1", 5, "x", "y")
    for name in ("user_id", "arm", "bundle", "policy", "params", "seed"):
        found = only([*many(1), [rows[0], rows[1] | {name: 9 if name == "seed" else "other"}]])
        assert found.name == "contradictory-answers", name
        assert found.because == "1 of 2 answers (50 %) have rows of different users, arms, bundles or policies."
    assert refusals([*many(1), rows]) == []


def test_answers_without_a_name_or_a_time():
    for nameless in ({"request_id": None}, {"at": None}):
        found = only([*many(1), answer("r1", 5, "x", "y", **nameless)], since=at(-1))
        assert found.because == "1 of 2 answers (50 %) have no request_id or no time."
        assert found.name == "unnamed-answers"


def test_names_that_are_answered_again():
    again = [answer(f"r{n}", 500 + n, "x", "y") for n in range(1, 4)]
    found = only([*many(200), *again])
    assert found.name == "repeated-requests"
    assert found.because == "3 of 203 answers (1.48 %) have a request_id that was answered again, more than 1%."
    assert refusals([*many(200), *again[1:]]) == []


def test_a_log_that_does_not_explore():
    still = many(1441, policy="deterministic", params="{}", propensity=1.0)
    found = only(still)
    assert found.name == "deterministic"
    assert found.because == "The log does not explore: none of 1,441 answers was drawn."
    assert found.cure == (
        "PUT /v1/experiment with the bundles to compare as arms, their policy epsilon_greedy or plackett_luce; with "
        "epsilon 0.1 and 100 candidates, what a policy earns at one place takes 100,000 answers, 70 days at the pace "
        "of this log."
    )
    drawn = {"request_id": "r0", "at": at(0), "user_id": None, "item_ids": ["x"] * 20, "scores": [1.0] * 20}
    assert "epsilon 0.1 and the 20 candidates of this log" in only(still, (drawn,)).cure
    assert "takes 20,000 answers, 14 days at" in only(still, (drawn,)).cure


def test_draws_that_leave_no_choice():
    found = only(many(9, propensity=1.0))
    assert found.name == "deterministic"
    assert found.because == "The log does not explore: all propensities of 9 drawn answers are 1."
    assert refusals([*many(9, propensity=1.0), answer("r", 9, "x", propensity=0.99)]) == []


def test_too_many_answers_that_are_not_what_their_arm_draws():
    bad = [answer(f"b{n}", 200 + n, "x", degraded=["ranker"]) for n in range(4)]
    bad += [answer(f"f{n}", 300 + n, "x", policy="deterministic") for n in range(2)]
    found = only([*many(100), *bad])
    assert found.name == "left-out"
    assert found.because == (
        "6 of 106 answers (5.66 %) of exploring arms are degraded (4) or were not drawn (2), more than 5%."
    )
    assert refusals([*many(100), *bad[:5]]) == []


def test_an_arm_that_began_to_draw_late_is_told_since_when():
    early = [answer(f"f{n}", n - 99, "x", policy="deterministic") for n in range(20)]
    found = only([*early, *many(40)])
    assert "or since=2026-01-01T00:00:00Z, when drawing began" in found.cure
    assert refusals([*early, *many(40)], since=at(0)) == []
    now_and_then = [answer(f"f{n}", n + 0.5, "x", policy="deterministic") for n in range(20)]
    assert "since=" not in only([*many(40), *now_and_then]).cure


def test_an_arm_of_several_bundles():
    later = [answer(f"l{n}", 100 + n, "x", "y", bundle="bbb") for n in range(3)]
    found = only([*many(5), *later])
    assert found.name == "mixed-bundles"
    assert found.because == "Arm 'a' was answered by 2 bundles (aaa 5, bbb 3 answers)."
    assert found.cure == (
        "It is not one policy: give since=2026-01-01T01:40:00Z, from when on bbb is alone, and name the bundle of each "
        "arm in the experiment."
    )
    between = answer("m", 2.5, "x", bundle="bbb")
    assert "they alternate: log again" in only([*many(5), between]).cure
    assert refusals([*many(5), *[answer(f"l{n}", 100, "x", bundle="bbb", arm="b") for n in range(3)]]) == []


def test_a_window_that_is_open():
    minute = 60_000_000
    instants = [0, 10 * minute, 20 * minute]
    ends = np.array(instants, np.int64)
    (found,) = of_window(ends, window=60 * minute, as_of=75 * minute)
    assert found.name == "open-window"
    assert found.because == (
        "1 of 3 answers (33.3 %) were given less than 1 hours before 1970-01-01T01:15:00Z: they may still earn."
    )
    assert found.cure == (
        "Their rewards would be too low: give until=1970-01-01T00:15:00Z, which leaves 2 answers, or wait until "
        "1970-01-01T01:20:00Z."
    )
    assert of_window(ends, window=60 * minute, as_of=80 * minute) == ()
    (found,) = of_window(ends, window=60 * minute, as_of=5 * minute)
    assert found.cure == "Their rewards would be too low: wait until 1970-01-01T01:20:00Z."


def test_all_that_is_wrong_is_told_at_once():
    bad = [*answer("b", 5, "x", "y", propensity=None), *answer("b", 5, "z", propensity=2.0)]
    assert [each.name for each in refusals([*many(2), bad])] == [
        "duplicate-positions",
        "missing-propensities",
        "propensities-above-one",
    ]
