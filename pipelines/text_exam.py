"""The test window by text alone: what a user and item tower reach without a ranker, target new."""

from dataclasses import dataclass

import polars as pl

from pipelines.baselines import Baselines
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.evaluation.segments import OVERALL
from recsys.ranking.rules import available
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray

_K = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TextExam:
    """One log's users as of ranker_end.

    Attributes:
        exam: what they take in the test window and have not taken before.
        lists: makes their lists.
    """

    exam: Exam
    lists: Baselines

    @classmethod
    def of(cls, catalog: Catalog, interactions: Interactions, split: TimeSplit, config: EvaluationConfig) -> "TextExam":
        """Of a prepared log."""
        users = interactions.before(split.ranker_end).user_indices()
        exam = Exam.of(interactions, users, split=split, target="new", config=config)
        lists = Baselines(
            histories=interactions.histories(exam.user_idx, as_of=split.ranker_end),
            as_of=split.ranker_end,
            target="new",
            available=available(catalog, as_of=split.ranker_end),
            k=max(_K, *config.lengths),
        )
        return cls(exam=exam, lists=lists)

    def grade(self, interest: InterestModel, vectors: FloatArray) -> pl.DataFrame:
        """user_idx and the metrics of `evaluation.metrics.per_user`, by the dot product alone.

        Args:
            interest: the user tower.
            vectors: float32 (n_items, d), unit rows.
        """
        return self.exam.grade(self.lists.text(interest, vectors)).per_user[OVERALL]
