"""Items that nobody has met: whether they are found, by text alone and by the whole pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from pipelines import lists
from pipelines.baselines import Baselines
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.evaluation.compare import Estimate, estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.evaluation.segments import COLD_ITEMS
from recsys.ranking.ranker import Ranker
from recsys.ranking.rules import available
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import BoolArray, IntArray

METRIC, K = "recall@20", 20

ZERO_SHOT = "zero-shot text"

Where: TypeAlias = Literal["items", "cold items"]
"""Among which items a list is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How much of what users then took is found of the items without an event before ranker_end.

    Attributes:
        among: which items compete for a place in the list.
        items: how many these are.
        method: who recommends.
        recall: recall@20 of the cold items a user took, over the users who took one.
        beside: the same beside zero-shot text; None for this itself.
    """

    among: Where
    items: int
    method: str
    recall: Estimate
    beside: Comparison | None


def rows(opened: RunDirectory, parts: Parts, ranker: Ranker, *, config: EvaluationConfig) -> Iterator[Row]:
    """In the full list and among cold items alone; nothing where nobody took a cold item.

    Args:
        opened: the run, for its teacher.
        parts: of it.
        ranker: its ranker.
        config: how many users are judged, and the resamples.

    Raises:
        ArtifactError: no teacher.
        SplitError: nobody took anything in the test window.
    """
    exam, as_of = _exam(parts, config), parts.split.ranker_end
    if not len(exam.user_idx):
        return
    sold, cold = available(parts.catalog, as_of=as_of), ~parts.interactions.before(as_of).seen_items()
    masks: tuple[tuple[Where, BoolArray], ...] = (("items", sold), ("cold items", sold & cold))
    sampling = {"samples": config.samples, "seed": config.seed}
    for among, mask in masks:
        graded: dict[str, pl.DataFrame] = {}
        for method, found in _lists(opened, parts, ranker, exam.user_idx, mask):
            graded[method] = exam.grade(found).per_user[COLD_ITEMS]
            base = graded[ZERO_SHOT]
            yield Row(
                among=among,
                items=int(mask.sum()),
                method=method,
                recall=estimate(graded[method], METRIC, **sampling),
                beside=None if method == ZERO_SHOT else Comparison.of(graded[method], base, METRIC, **sampling),
            )


def _exam(parts: Parts, config: EvaluationConfig) -> Exam:
    """Of the users who took a cold item in the test window, maybe none; only cold items count."""
    known = parts.interactions.before(parts.split.ranker_end).user_indices()
    exam = parts.exam(known, config.model_copy(update={"lengths": (K,)}))
    cold = exam.segments[COLD_ITEMS]
    truth = cold.take(np.flatnonzero(cold.sizes))
    return Exam(user_idx=truth.user_idx, segments={COLD_ITEMS: truth}, information=exam.information, config=exam.config)


def _lists(
    opened: RunDirectory, parts: Parts, ranker: Ranker, user_idx: IntArray, mask: BoolArray
) -> Iterator[tuple[str, IntArray]]:
    """Method → int32 (n, K), zero-shot text first."""
    as_of = parts.split.ranker_end
    histories = parts.interactions.histories(user_idx, as_of=as_of)
    text = Baselines(histories=histories, as_of=as_of, target=parts.config.target, available=mask, k=K)
    zero_shot = ItemVectors.load(opened.read("teacher") / "zero_shot").vectors
    yield ZERO_SHOT, text.text(InterestModel.zero_shot(zero_shot.shape[1], parts.interactions.day), zero_shot)
    vectors, interest = parts.teachers(opened)
    yield "teacher's text", text.text(interest, vectors.vectors)
    yield "student's text", text.text(parts.interest, parts.vectors.vectors)
    whole = parts.assemble(as_of=as_of, ranker=ranker).recommend(histories, k=K, as_of=as_of, allowed=mask)
    yield "recsys", lists.matrix(whole, np.arange(len(user_idx)), K)
