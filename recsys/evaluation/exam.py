"""One exam for every method: the same users, the same truth, the same resamples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.errors import SplitError
from recsys.evaluation.compare import Difference, differences, estimates
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.metrics import Exposure, per_user, self_information
from recsys.evaluation.results import Comparisons, Method, Role
from recsys.evaluation.segments import segments
from recsys.evaluation.truth import Truth
from recsys.schema import DoubleArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades:
    """What an exam says of one method.

    Attributes:
        per_user: segment → user_idx and the metrics of every user with truth in the segment; "overall" first.
        exposure: coverage and Gini of all lists, at the longest length.
    """

    per_user: Mapping[str, pl.DataFrame]
    exposure: Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """The users to recommend for, and what they then took.

    Attributes:
        user_idx: int32 (n,), users with an answer in the test window: make lists for these, in this order.
        segments: name → truth of the same n users; "overall" first.
        information: float64 (n_items,), self-information of each item before the test window, bits.
        config: lengths, resamples, seed.
    """

    user_idx: IntArray
    segments: Mapping[str, Truth]
    information: DoubleArray
    config: EvaluationConfig

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        user_idx: IntArray,
        *,
        split: TimeSplit,
        target: Literal["all", "new"],
        config: EvaluationConfig,
    ) -> "Exam":
        """The test window [ranker_end, end) of those of the given users who took anything in it.

        Raises:
            SplitError: nobody did.
        """
        truth = Truth.of(interactions, user_idx, start=split.ranker_end, end=split.end, target=target)
        rows = np.flatnonzero(truth.sizes)
        if len(rows) == 0:
            raise SplitError(
                f"Expected users with a positive event in the test window (task.target = {target!r}), got none of "
                f"{len(user_idx)} known users; bring a longer log, move split.ranker_end, or set task.target=all."
            )
        if len(rows) > config.max_users:
            rows = np.sort(np.random.default_rng(config.seed).choice(rows, config.max_users, replace=False))
        truth = truth.take(rows)
        return cls(
            user_idx=truth.user_idx,
            segments=segments(interactions, truth, as_of=split.ranker_end, config=config),
            information=self_information(interactions, as_of=split.ranker_end),
            config=config,
        )

    def grade(self, recommended: IntArray) -> Grades:
        """Judge lists: int32 (n, k), best first, distinct, -1 where a list has nothing.

        Raises:
            ShapeError: lists of other users, or an item twice in one list.
        """
        lengths = self.config.lengths
        frames = {
            name: per_user(recommended, truth, lengths=lengths, information=self.information)
            for name, truth in self.segments.items()
        }
        exposure = Exposure.of(recommended[:, : max(lengths)], n_items=len(self.information))
        return Grades(per_user=frames, exposure=exposure)

    def method(self, grades: Grades, *, role: Role) -> Method:
        """Means with intervals, segment by segment; segments without users are left out."""
        scores = {
            name: estimates(frame, samples=self.config.samples, seed=self.config.seed)
            for name, frame in grades.per_user.items()
            if len(frame)
        }
        return Method(role=role, scores=scores, exposure=grades.exposure)

    def differences(self, ours: Grades, other: Grades) -> Mapping[str, Mapping[str, Difference]]:
        """Segment → metric → ours - other over the same users."""
        return {
            name: differences(frame, other.per_user[name], samples=self.config.samples, seed=self.config.seed)
            for name, frame in ours.per_user.items()
            if len(frame)
        }

    def comparisons(self, ours: Grades, other: Grades, metrics: Sequence[str]) -> Comparisons:
        """Ours beside the other over the same users; segments without users are left out."""
        config = self.config
        return {
            name: {
                metric: Comparison.of(frame, other.per_user[name], metric, samples=config.samples, seed=config.seed)
                for metric in metrics
            }
            for name, frame in ours.per_user.items()
            if len(frame)
        }
