"""Answers of which nothing can be learnt about another policy: left out and counted."""

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.log.labels import Labels
from recsys.ranking.interleaving import WAYS
from recsys.schema import BoolArray

DETERMINISTIC = "deterministic"
"""The policy whose lists nothing but their values decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """How many answers are not evaluated; each is counted once, for the first reason that holds.

    Attributes:
        repeated: their request_id was answered again later; the last answer is the one that a client has.
        interleaved: lists made of two rankings, which tell of these two alone (`evaluation.interleaved_log`).
        unexplored: of arms that never explore, such as a holdout.
        degraded: a part of the service had failed; they may not be what the policy would have drawn from.
        deterministic: not drawn, though their arm draws.
    """

    repeated: int
    interleaved: int
    unexplored: int
    degraded: int
    deterministic: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, field.name) for field in fields(self))


def users_of(answers: Answers) -> dict[str, int]:
    """Arm → its users, whether evaluated or not; a request without a user is one by itself."""
    who = pl.coalesce(pl.col("user_id").to_physical().cast(pl.Int64), -1 - pl.int_range(pl.len()))
    counts = answers.heads.select(pl.col("arm").cast(pl.String), who=who).group_by("arm").n_unique()
    return dict(counts.drop_nulls("arm").sort("arm").rows())


def interleaved(answers: Answers) -> BoolArray:
    """Bool (n,): the answers whose lists are made of two rankings."""
    policies = answers.heads["policy"].cast(pl.String)
    return np.asarray(policies.is_in(list(WAYS)).fill_null(False).to_numpy(), np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of n answers are evaluated.

    Attributes:
        keep: bool (n,).
        exploring: bool (n,), of arms that draw, neither repeated nor interleaved: those kept and those that are missing
            among them.
        left_out: the counts of the others.
    """

    keep: BoolArray
    exploring: BoolArray
    left_out: LeftOut

    @classmethod
    def of(cls, answers: Answers) -> "Choice":
        """Of answers by rising time."""
        heads = answers.heads
        repeated = ~heads["request_id"].is_last_distinct().to_numpy()
        degraded = heads["degraded"].to_numpy()
        mixed = interleaved(answers) & ~repeated
        fixed = (heads["policy"].cast(pl.String) == DETERMINISTIC).fill_null(False).to_numpy()
        arm = Labels.of(heads["arm"]).codes + 1
        apart = repeated | mixed
        draws = np.bincount(arm[~fixed & ~apart], minlength=int(arm.max(initial=0)) + 1) > 0
        exploring = draws[arm] & ~apart
        return cls(
            keep=exploring & ~degraded & ~fixed,
            exploring=exploring,
            left_out=LeftOut(
                repeated=int(repeated.sum()),
                interleaved=int(mixed.sum()),
                unexplored=int((~draws[arm] & ~apart).sum()),
                degraded=int((exploring & degraded).sum()),
                deterministic=int((exploring & ~degraded & fixed).sum()),
            ),
        )

    @classmethod
    def of_interleaved(cls, answers: Answers) -> "Choice":
        """Which interleaved lists are, of all answers to the requests that got one, by rising time."""
        mixed, degraded = interleaved(answers), answers.heads["degraded"].to_numpy()
        repeated = ~answers.heads["request_id"].is_last_distinct().to_numpy()
        exploring = mixed & ~repeated
        return cls(
            keep=exploring & ~degraded,
            exploring=exploring,
            left_out=LeftOut(
                repeated=int((mixed & repeated).sum()),
                interleaved=0,
                unexplored=0,
                degraded=int((exploring & degraded).sum()),
                deterministic=0,
            ),
        )
