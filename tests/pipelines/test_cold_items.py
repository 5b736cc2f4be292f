"""Items nobody has met: the same figures as the evaluation's, and among themselves."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pipelines.cold_items import _exam, _lists, rows
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import COLD_ITEMS
from recsys.evaluation.truth import Truth
from recsys.ranking.ranker import Ranker


@pytest.fixture(scope="module")
def opened(evaluated):
    return RunDirectory.open(evaluated)


@pytest.fixture(scope="module")
def parts(opened):
    return Parts.load(opened)


@pytest.fixture(scope="module")
def ranker(evaluated):
    return Ranker.load(evaluated / "ranker")


@pytest.fixture(scope="module")
def found(opened, parts, ranker):
    return {(row.among, row.method): row for row in rows(opened, parts, ranker, config=opened.settings.evaluation)}


def test_in_the_full_list_they_are_the_figures_of_the_evaluation(found, evaluated):
    evaluation = Evaluation.load(evaluated / "evaluation")
    for name in ("recsys", "zero-shot text"):
        told = evaluation.methods[name].scores[COLD_ITEMS]["recall@20"]
        assert (found["items", name].recall.mean, found["items", name].recall.n) == pytest.approx((told.mean, told.n))


def test_each_is_told_beside_zero_shot_text(found):
    methods = ["zero-shot text", "teacher's text", "student's text", "recsys"]
    assert [*found] == [(among, method) for among in ("items", "cold items") for method in methods]
    for (among, method), row in found.items():
        zero = found[among, "zero-shot text"].recall.mean
        assert (row.beside is None) == (method == "zero-shot text")
        if row.beside is not None:
            assert (row.beside.ours, row.beside.other) == pytest.approx((row.recall.mean, zero))


def test_among_themselves_only_they_compete(found, opened, parts, ranker, shop):
    """Recall counted in sets, user by user."""
    as_of = parts.split.ranker_end
    cold = ~shop.interactions.before(as_of).seen_items()
    assert 0 < cold.sum() < 20
    assert {row.items for (among, _), row in found.items() if among == "cold items"} == {cold.sum()}
    assert {row.items for (among, _), row in found.items() if among == "items"} == {48}
    exam = _exam(parts, opened.settings.evaluation)
    taken = shop.interactions.between(as_of, parts.split.end).positives().events
    for method, lists in _lists(opened, parts, ranker, exam.user_idx, cold):
        assert cold[lists[lists >= 0]].all()
        recalls = []
        for user, items in zip(exam.user_idx, lists, strict=True):
            truth = {i for i in taken.filter(pl.col("user_idx") == int(user))["item_idx"].to_list() if cold[i]}
            recalls.append(len(truth & set(items.tolist())) / len(truth))
        assert found["cold items", method].recall.mean == pytest.approx(np.mean(recalls))
        assert found["cold items", method].recall.n == len(recalls)


def test_where_nobody_took_one_there_is_nothing_to_tell(opened, parts, ranker):
    seen = np.flatnonzero(parts.interactions.before(parts.split.ranker_end).seen_items()).tolist()
    events = parts.interactions.events.filter(pl.col("item_idx").is_in(seen))
    warm = replace(parts, interactions=replace(parts.interactions, events=events))
    assert list(rows(opened, warm, ranker, config=opened.settings.evaluation)) == []
    assert isinstance(_exam(warm, opened.settings.evaluation).segments[COLD_ITEMS], Truth)
