"""Precision, recall and F1, by hand, by scikit-learn and by the definition."""

import random

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from recsys.errors import ShapeError
from recsys.text.heads.scores import class_scores, entity_scores


def test_classes_by_hand():
    scores = class_scores(list("aaabbc"), list("aabbcb"))
    assert scores.accuracy == scores.f1 == 3 / 6
    a, b, c = scores.labels
    assert (a.label, a.precision, a.recall, a.f1, a.support) == ("a", 2 / 2, 2 / 3, pytest.approx(0.8), 3)
    assert (b.precision, b.recall, b.support) == (1 / 3, 1 / 2, 2)
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 1)
    assert scores.macro_f1 == pytest.approx((0.8 + 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2) + 0) / 3)


def test_a_class_that_is_only_found_counts_too():
    scores = class_scores(["a", "a"], ["a", "b"])
    assert [(s.label, s.precision, s.recall, s.support) for s in scores.labels] == [("a", 1, 0.5, 2), ("b", 0, 0, 0)]
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_classes_by_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, found = (rng.choice(list("abcd"), 60).tolist() for _ in range(2))
    expected = precision_recall_fscore_support(truth, found, zero_division=0)
    got = class_scores(truth, found).labels
    for score, *figures in zip(got, *expected, strict=True):
        assert (score.precision, score.recall, score.f1, score.support) == pytest.approx(tuple(figures))


def test_entities_by_hand():
    truth = [["B-x", "I-x", "O", "B-y"], ["B-y", "O"]]
    found = [["B-x", "O", "O", "B-y"], ["O", "I-y"]]  # x too short, one y right, one y at the wrong word
    scores = entity_scores(truth, found)
    assert scores.accuracy == 3 / 6
    assert scores.f1 == 2 * (1 / 3) * (1 / 3) / (1 / 3 + 1 / 3)
    x, y = scores.labels
    assert (x.precision, x.recall, x.support) == (0, 0, 1)
    assert (y.precision, y.recall, y.f1, y.support) == (1 / 2, 1 / 2, 1 / 2, 2)


def spans(tags):
    """(type, first word, last word) by extending every beginning as far as it goes."""
    out = set()
    for i, tag in enumerate(tags):
        form, type_ = (tag + "-").split("-")[:2]
        before = tags[i - 1] if i else "O"
        if form == "B" or (form == "I" and before[2:] != type_):
            j = i
            while j + 1 < len(tags) and tags[j + 1] == f"I-{type_}":
                j += 1
            out.add((type_, i, j))
    return out


@pytest.mark.parametrize("seed", range(20))
def test_entities_by_the_definition(seed):
    draw = random.Random(seed)
    names = ("O", "O", "B-x", "I-x", "B-y", "I-y")
    truth = [draw.choices(names, k=draw.randrange(1, 9)) for _ in range(12)]
    found = [[draw.choice((tag, draw.choice(names))) for tag in tags] for tags in truth]
    true, guessed = ({(n, *s) for n, tags in enumerate(side) for s in spans(tags)} for side in (truth, found))
    right = len(true & guessed)
    precision, recall = right / len(guessed), right / len(true)
    scores = entity_scores(truth, found)
    assert scores.f1 == pytest.approx(2 * precision * recall / (precision + recall) if right else 0)
    for score in scores.labels:
        own = {s for s in true if s[1] == score.label}
        assert score.recall == pytest.approx(len(own & guessed) / len(own) if own else 0)


def test_nothing_tagged_and_nothing_found_is_no_f1():
    assert entity_scores([["O"]], [["O"]]).f1 == 0
    assert entity_scores([["O"]], [["O"]]).labels == ()


def test_predictions_must_fit():
    sentence = "Expected one prediction for each of at least one label, got 1 for 2"
    with pytest.raises(ShapeError, match=sentence):
        class_scores(["a", "b"], ["a"])
    with pytest.raises(ShapeError, match=sentence):
        entity_scores([["O", "O"]], [["O"]])
    with pytest.raises(ShapeError, match="got 0 for 0"):
        class_scores([], [])
