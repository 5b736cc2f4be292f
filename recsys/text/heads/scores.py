"""How well labels and entities were found: precision, recall and F1 of each, and in all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from recsys.errors import ShapeError
from recsys.text.heads.bio import Entity, entities


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """One label's figures; 0 where nothing could be counted.

    Attributes:
        label: the class, or the type of entity.
        precision: share of those found that are right.
        recall: share of those there that were found.
        f1: harmonic mean of both.
        support: how many there are.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """All labels' figures.

    Attributes:
        accuracy: share of texts, or of words, whose label or tag is right.
        f1: of all classes or entities together: hits, misses and false alarms of all labels added up. For classes this
            is the accuracy; for entities it is the F1 of the CoNLL shared tasks.
        macro_f1: mean of the labels' F1.
        labels: in alphabetical order.
    """

    accuracy: float
    f1: float
    macro_f1: float
    labels: tuple[LabelScore, ...]


def class_scores(truth: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Of one class a text; every class that occurs on either side is scored.

    Raises:
        ShapeError: not one prediction a text, or no text.
    """
    _check(len(truth), len(predicted))
    hits = Counter(a for a, b in zip(truth, predicted, strict=True) if a == b)
    return _scores(hits, Counter(predicted), Counter(truth), accuracy=hits.total() / len(truth))


def entity_scores(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Of one tag a word: an entity is found if start, end and type are right, as in conlleval and seqeval's default.

    Raises:
        ShapeError: not one prediction a word, or no word.
    """
    _check(len(truth), len(predicted))
    words = right = 0
    hits: Counter[str] = Counter()
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for own, guess in zip(truth, predicted, strict=True):
        _check(len(own), len(guess))
        words += len(own)
        right += sum(a == b for a, b in zip(own, guess, strict=True))
        true, guessed = set(entities(own)), set(entities(guess))
        hits += _types(true & guessed)
        found += _types(guessed)
        there += _types(true)
    return _scores(hits, found, there, accuracy=right / words)


def _check(truth: int, predicted: int) -> None:
    if truth != predicted or truth == 0:
        raise ShapeError(f"Expected one prediction for each of at least one label, got {predicted} for {truth}.")


def _types(found: set[Entity]) -> Counter[str]:
    return Counter(entity.type for entity in found)


def _scores(hits: Counter[str], found: Counter[str], there: Counter[str], *, accuracy: float) -> Scores:
    labels = tuple(
        LabelScore(label=label, support=there[label], **_rates(hits[label], found[label], there[label]))
        for label in sorted(set(found) | set(there))
    )
    return Scores(
        accuracy=accuracy,
        f1=_rates(hits.total(), found.total(), there.total())["f1"],
        macro_f1=sum(score.f1 for score in labels) / len(labels) if labels else 0.0,
        labels=labels,
    )


def _rates(hits: int, found: int, there: int) -> dict[str, float]:
    return {
        "precision": hits / found if found else 0.0,
        "recall": hits / there if there else 0.0,
        "f1": 2 * hits / (found + there) if found + there else 0.0,
    }
