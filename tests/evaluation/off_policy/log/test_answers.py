"""Answers in the order of time, rows in the order of places, nothing corrected."""

import numpy as np

from recsys.evaluation.off_policy.log.answers import Answers
from tests.evaluation.off_policy.small_log import answer, log


def read(*answers: list[dict], since: int | None = None, until: int | None = None) -> Answers:
    return Answers.read(log(answers), since=since, until=until)


def test_rows_are_sorted_by_time_then_name_then_place():
    found = read(answer("z", 1, "c")[::-1], answer("b", 1, "x", "y")[::-1], answer("a", 2), answer("c", 0, "q", "r"))
    assert found.heads["request_id"].to_list() == ["c", "b", "z", "a"]
    assert found.rows["item_id"].to_list() == ["q", "r", "x", "y", "c"]
    assert found.indptr.tolist() == [0, 2, 4, 5, 5]
    assert found.sizes.tolist() == [2, 2, 1, 0]
    assert found.answer.tolist() == [0, 0, 1, 1, 2]
    assert not found.torn.any()


def test_one_name_at_two_instants_is_two_answers():
    assert len(read(answer("a", 1, "x"), answer("a", 2, "x"))) == 2


def test_taking_keeps_lists_together():
    found = read(answer("a", 0, "x", "y"), answer("b", 1), answer("c", 2, "z")).take(np.array([2, 0]))
    assert found.heads["request_id"].to_list() == ["c", "a"]
    assert found.rows["item_id"].to_list() == ["z", "x", "y"]
    assert found.indptr.tolist() == [0, 1, 3]


def test_bounds_are_half_open_and_no_time_is_inside():
    answers = [answer("a", 0, "x"), answer("b", 1, "x"), answer("c", 2, "x"), answer("d", 1, "x", at=None)]
    first, last = (read(answer("a", minute, "x")).heads["at"][0] for minute in (1, 2))
    assert read(*answers, since=first, until=last).heads["request_id"].to_list() == ["d", "b"]


def test_what_contradicts_is_torn():
    rows = answer("a", 0, "x", "y")
    found = read(answer("b", -1, "x", "y"), [rows[0], rows[1] | {"bundle": "other"}], answer("c", 1, "x", "y"))
    assert found.torn.tolist() == [False, True, False]
    assert read([rows[0], rows[1] | {"degraded": ["ranker"]}]).torn.tolist() == [True]


def test_an_empty_log_is_empty():
    assert (len(read()), read().indptr.tolist()) == (0, [0])
