"""A log is cut by arm, by what was asked, by how often users ask, and by time."""

import polars as pl
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.judging.parts import MOST, parts
from recsys.evaluation.off_policy.log.logged import Logged
from tests.evaluation.off_policy.small_log import LATER, answer, event, log


def logged(*answers: list[dict]) -> Logged:
    click = event("r0", "x", 1, user_id=answers[0][0]["user_id"])
    found = Logged.of(log(answers, [click]), OffPolicyConfig(window_hours=1), as_of=LATER)
    assert isinstance(found, Logged), found
    return found


def of(*answers: list[dict]) -> dict[str, list[bool]]:
    return {name: inside.tolist() for name, inside in parts(logged(*answers)).items()}


def test_halves_in_time():
    got = of(answer("r0", 0, "x"), answer("r1", 1, "x"), answer("r2", 2, "x"))
    assert got == {"first half": [True, False, False], "second half": [False, True, True]}


@pytest.mark.parametrize("column", ["arm", "request"])
def test_by_what_the_log_says(column):
    names = {"arm": ("a", "b"), "request": ('{"kind":"rank"}', '{"kind":"recommend","k":3}')}[column]
    got = of(*(answer(f"r{n}", n, "x", **{column: names[n % 2]}) for n in range(4)))
    first, second = {"arm": ("arm a", "arm b"), "request": ("request rank", "request recommend")}[column]
    assert got[first] == [True, False, True, False]
    assert got[second] == [False, True, False, True]


def test_requests_that_are_none_are_of_no_kind():
    texts = ("[", "[1]", '{"kind":3}', '{"kind":"rank"}', '{"kind":"recommend"}')
    got = of(*(answer(f"r{n}", n, "x", request=text) for n, text in enumerate(texts)))
    assert got["request rank"] == [False, False, False, True, False]
    assert got["request recommend"] == [False, False, False, False, True]


def test_users_who_ask_often_and_the_others():
    got = of(*(answer(f"r{n}", n, "x", user_id=user) for n, user in enumerate("abacaa")))
    assert got["users with up to 1 answers"] == [False, True, False, True, False, False]
    assert got["users with more than 1"] == [True, False, True, False, True, True]


def test_of_many_arms_the_largest():
    arms = [f"a{n:02d}" for n in range(MOST + 3)] + ["a14", "a13"]
    got = of(*(answer(f"r{n}", n, "x", arm=arm) for n, arm in enumerate(arms)))
    told = [name for name in got if name.startswith("arm ")]
    assert len(told) == MOST
    assert {"arm a13", "arm a14"} <= set(told)
    assert "arm a12" not in told
    assert pl.Series(told).is_sorted()
