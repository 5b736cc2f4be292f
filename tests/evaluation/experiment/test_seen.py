"""What is compared, what is left out and counted, and what says nothing."""

import numpy as np
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.seen import NotCompared, Seen
from tests.evaluation.off_policy.small_log import LATER, answer, at, event, log

MINUTE = 60_000_000


def arm(name: str, minute: float, arm: str, *, user: str | None = "", **more: object) -> list[dict]:
    user = f"u-{name}" if user == "" else user
    return answer(name, minute, "x", "y", arm=arm, user_id=user, policy="deterministic", propensity=1.0, **more)


def seen(*answers: list[dict], as_of: int | None = LATER, control: str | None = None, **config: object):
    return Seen.of(log(answers, [event("r1", "x", 1)]), OffPolicyConfig(**config), as_of=as_of, control=control)


def names(*answers: list[dict], **more: object) -> list[str]:
    found = seen(*answers, **more)
    return [each.name for each in found] if isinstance(found, tuple) else []


TWO = arm("r1", 0, "a"), arm("r2", 1, "b")


def test_arms_of_any_policy_are_compared():
    got = seen(*TWO, arm("r3", 2, "holdout"), arm("r4", 3, "a", user="u-r1"), answer("r5", 4, arm="b"))
    assert got.names == ("a", "b", "holdout")
    assert got.arm_idx.tolist() == [0, 1, 2, 0, 1]
    assert got.users.gather(got.user_idx).to_list() == ["u-r1", "u-r2", "u-r3", "u-r1", "u-r5"]
    assert got.users_of_arms == {"a": 1, "b": 2, "holdout": 1}
    assert got.first_row.tolist() == [0, 1, 2, 4]
    assert got.not_compared == NotCompared(repeated=0, without_user=0, outside=0, crossed=0)


def test_each_answer_that_is_left_out_is_counted_once():
    many = [arm(f"m{n}", 50 + n, "a") for n in range(100)]
    got = seen(
        *TWO,
        *many,
        arm("r2", 3, "b", user="u-r2"),  # the same name again
        arm("h1", 4, "a", user=None),
        arm("h2", 5, "default", user=None),
        arm("d1", 6, "default"),
        arm("d2", 7, "default", user="u-m1"),  # whom a ramp takes later
        arm("n", 8, None),
        arm("c1", 9, "b", user="u-m0"),
    )
    assert got.not_compared == NotCompared(repeated=1, without_user=2, outside=3, crossed=2)
    assert "u-m0" not in got.users.to_list()
    assert "u-m1" in got.users.to_list()
    assert got.answers.heads["request_id"].cast(str).to_list()[:2] == ["r1", "r2"]
    assert got.answers.heads["at"][1] - got.answers.heads["at"][0] == 3 * MINUTE
    assert (got.assignment.users, got.assignment.crossed) == (102, 1)


def test_users_in_no_experiment_are_an_arm_where_there_is_but_one_or_somebody_asks():
    waiting = arm("d", 0.5, "default")
    assert seen(*TWO, waiting).names == ("a", "b")
    assert seen(*TWO, waiting, control="default").names == ("a", "b", "default")
    assert seen(TWO[0], arm("r3", 2, "a"), waiting).names == ("a", "default")


def test_only_what_happened_before_as_of_is_known():
    noon = int(at(720).timestamp()) * 1_000_000
    answers = *TWO, arm("r3", 720, "a"), arm("r4", 719, "a")
    assert len(seen(*answers, as_of=noon).answers) == 3
    assert len(seen(*answers, as_of=noon + 1).answers) == 4
    assert len(seen(*answers, as_of=noon, until=at(5)).answers) == 2
    last = seen(*answers, as_of=None)
    assert (len(last.answers), last.as_of) == (4, noon + 1)
    assert len(seen(*answers, since=at(1)).answers) == 3


def test_a_log_without_answers():
    (found,) = seen()
    assert (found.name, found.because) == ("empty-log", "There is nothing to compare in the log: it has no answers.")
    assert names(*TWO, as_of=1) == ["empty-log"]


def test_a_log_without_users():
    (found,) = seen(arm("r1", 0, "a", user=None), arm("r2", 1, "b", user=None))
    assert found.name == "no-users"
    assert found.because == "None of 2 answers is of a user: requests told a history."
    assert names(*TWO, arm("r3", 2, "b", user=None)) == []


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((TWO[0], arm("r3", 2, "a")), "all have arm 'a'"),
        ((TWO[0], arm("r3", 2, "b", user=None)), "all have arm 'a'"),
        ((TWO[0], arm("r3", 2, None)), "all have arm 'a'"),
        ((arm("r3", 2, None),), "none has an arm"),
    ],
)
def test_a_log_of_one_arm(answers, told):
    (found,) = seen(*answers)
    assert found.name == "one-arm"
    assert found.because == f"There are no two arms to compare: of the answers to users while an arm ran {told}."
    assert names(*answers, TWO[1]) == (["one-arm"] if told == "none has an arm" else [])


def test_a_log_whose_users_are_all_in_several_arms():
    assert names(arm("r1", 0, "a", user="u"), arm("r2", 1, "b", user="u")) == ["crossed-arms"]


def test_answers_that_cannot_be_read():
    torn = [row | {"arm": name} for row, name in zip(arm("t", 5, "a"), "ab", strict=True)]
    assert names(*TWO, torn) == ["contradictory-answers"]
    assert names(*TWO, arm("t", 5, "a")[1:]) == ["gaps"]
    assert names(*TWO, arm("t", 5, "a", request_id=None)) == ["unnamed-answers"]


def test_a_propensity_is_not_asked_for():
    assert names(*TWO, [row | {"propensity": None} for row in arm("t", 5, "a")]) == []


def test_requests_that_are_asked_again():
    many = [arm(f"m{n}", 50 + n, "a") for n in range(100)]
    again = [arm(f"m{n}", 500 + n, "a") for n in range(2)]
    assert names(*TWO, *many, again[0]) == []
    assert names(*TWO, *many, *again) == ["repeated-requests"]


def test_the_first_answer_of_each_user_decides_nothing_but_the_order():
    rng = np.random.default_rng(0)
    answers = [arm(f"r{n}", float(rng.integers(0, 9)), "ab"[n % 2], user=f"u{n % 4}") for n in range(20)]
    got = seen(*answers)
    assert (np.diff(got.answers.heads["at"].to_numpy()) >= 0).all()
    arms = {name: got.arm_idx[row] for name, row in zip(got.users.to_list(), got.first_row, strict=True)}
    assert arms == {"u0": 0, "u1": 1, "u2": 0, "u3": 1}
