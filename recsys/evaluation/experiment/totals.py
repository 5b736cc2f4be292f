"""What each user of an experiment got and gave, in sums: all that a comparison reads."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.seen import Seen
from recsys.evaluation.off_policy.log.bad_log import of_window
from recsys.evaluation.off_policy.log.rewards import HOUR, Rewards, earned
from recsys.evaluation.refusal import Refusals
from recsys.schema import BoolArray, DoubleArray, IntArray, LongArray

_IMPRESSION = "impression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of u users, by name; float64 (u,) where nothing else is said.

    Attributes:
        arm_idx: int32, the arm of each.
        first: int64, instant of their first answer.
        answers, degraded, empty: answers, those that a part of the service was missing for, those without items.
        closed: answers whose window is closed.
        reward: what these earned.
        early: what the user earned in the first window after their first answer; NaN where that is still open.
        before: what they earned before their first answer, whoever answered; None where nobody earned anything.
        impressions: items of closed answers that were told to be seen; None where nothing tells of it.
    """

    arm_idx: IntArray
    first: LongArray
    answers: DoubleArray
    degraded: DoubleArray
    empty: DoubleArray
    closed: DoubleArray
    reward: DoubleArray
    early: DoubleArray
    before: DoubleArray | None
    impressions: DoubleArray | None

    @classmethod
    def of(cls, log: PolicyLog, seen: Seen, config: OffPolicyConfig) -> "Totals | Refusals":
        """From the log, or why its rewards are none."""
        window = int(config.window_hours * HOUR)
        at = seen.answers.heads["at"].to_numpy()
        closed = at + window <= seen.as_of
        if not closed.any():
            return of_window(at, window=window, as_of=seen.as_of)
        rewards = Rewards.of(log, seen.answers, config)
        refused = rewards.refused()
        if refused:
            return refused
        u = len(seen.users)
        first = at[seen.first_row]

        def summed(column: BoolArray | DoubleArray) -> DoubleArray:
            return np.bincount(seen.user_idx, column, minlength=u).astype(np.float64)

        per_answer = _by_answer(seen, rewards.reward)
        impressions = None
        if rewards.posted.get(_IMPRESSION):
            shown = Rewards.of(log, seen.answers, _impressions(config))
            impressions = summed(_by_answer(seen, (shown.reward > 0).astype(np.float64)) * closed)
        early = summed(_by_answer(seen, _rewards_until(log, seen, config, first + window).reward))
        return cls(
            arm_idx=seen.arm_idx[seen.first_row],
            first=first,
            answers=summed(np.ones(len(at))),
            degraded=summed(seen.answers.heads["degraded"].to_numpy()),
            empty=summed(seen.answers.sizes == 0),
            closed=summed(closed),
            reward=summed(per_answer * closed),
            early=np.where(first + window <= seen.as_of, early, np.nan),
            before=_before(log, seen, config, first),
            impressions=impressions,
        )


def _by_answer(seen: Seen, by_row: DoubleArray) -> DoubleArray:
    """float64 (n,)."""
    return np.bincount(seen.answers.answer, by_row, minlength=len(seen.answers)).astype(np.float64)


def _impressions(config: OffPolicyConfig) -> OffPolicyConfig:
    return config.model_copy(update={"rewards": {_IMPRESSION: 1.0}, "by_value": ()})


def _rewards_until(log: PolicyLog, seen: Seen, config: OffPolicyConfig, end: LongArray) -> Rewards:
    """Of each user's events before an instant of theirs."""
    events = _with_instant(log, seen, end).filter(pl.col("timestamp").to_physical() < pl.col("instant"))
    return Rewards.of(replace(log, events=events.drop("instant", "user")), seen.answers, config)


def _before(log: PolicyLog, seen: Seen, config: OffPolicyConfig, first: LongArray) -> DoubleArray | None:
    found = (
        _with_instant(log, seen, first)
        .filter(pl.col("timestamp").to_physical() < pl.col("instant"), pl.col("event").is_in(list(config.rewards)))
        .select("user", earned=earned(config))
        .filter(pl.col("earned").is_finite())
        .collect(engine="streaming")
    )
    if not len(found):
        return None
    return np.bincount(found["user"].to_numpy(), found["earned"].to_numpy(), minlength=len(first)).astype(np.float64)


def _with_instant(log: PolicyLog, seen: Seen, instant: LongArray) -> pl.LazyFrame:
    """The events of users of the experiment, once each, with the place and an instant of their user."""
    users = pl.LazyFrame({"user_id": seen.users, "user": np.arange(len(instant)), "instant": instant})
    return log.events.unique("event_id", maintain_order=True).join(
        users, on="user_id", how="inner", maintain_order="left"
    )
