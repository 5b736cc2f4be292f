"""Candidates are found by the name and time of their answer."""

import numpy as np

from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.log.candidates import Candidates, flat, logged_with
from recsys.evaluation.off_policy.log.labels import Labels
from tests.evaluation.off_policy.small_log import answer, at, log


def drawn(name: str, minute: float, *items: str, **more: object) -> dict:
    scores = [float(-place) for place in range(len(items))]
    return {"request_id": name, "at": at(minute), "user_id": None, "item_ids": list(items), "scores": scores} | more


def test_only_whole_rows_of_these_answers_count():
    rows = [drawn("c", 2, "z", "y"), drawn("a", 9, "q"), drawn("a", 0, "x"), drawn("d", 3), drawn("q", 1, "x")]
    rows += [drawn("b", 1, "x", scores=[1.0, 2.0]), drawn("a", 0, "w")]
    made = log([answer(name, minute, "x") for minute, name in enumerate("abcd")], (), rows)
    found = logged_with(made, Answers.read(made, since=None, until=None))
    items = Labels.of(flat(found["items"]))
    assert items.decode().to_list() == ["x", "z", "y"]
    candidates = Candidates.of(found, items.codes)
    assert (candidates.request.tolist(), candidates.indptr.tolist()) == ([0, 2, 3], [0, 1, 3, 3])
    assert (candidates.sizes.tolist(), candidates.score.tolist()) == ([1, 2, 0], [0, 0, -1])
    assert (candidates.request.dtype, candidates.item.dtype) == (np.int64, np.int32)


def test_a_log_without_candidates_has_none():
    made = log([answer("a", 0, "x")])
    found = logged_with(made, Answers.read(made, since=None, until=None))
    assert len(Candidates.of(found, np.zeros(0, np.int32))) == 0
