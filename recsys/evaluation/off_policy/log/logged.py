"""A policy log as arrays, or why it says nothing."""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.judging.refusals import of_shares
from recsys.evaluation.off_policy.log import bad_log
from recsys.evaluation.off_policy.log.answers import NAMES, Answers, picked
from recsys.evaluation.off_policy.log.candidates import Candidates, flat, logged_with
from recsys.evaluation.off_policy.log.labels import Labels
from recsys.evaluation.off_policy.log.left_out import Choice, LeftOut, users_of
from recsys.evaluation.off_policy.log.pace import Pace, mean_span, rate
from recsys.evaluation.off_policy.log.rewards import HOUR, EventCounts, Rewards
from recsys.evaluation.refusal import Refusals
from recsys.schema import DoubleArray, Instant, IntArray, LongArray, instant_of

_ONCE = ("user", "arm", "bundle", "policy", "params", "request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """n requests, by rising time, and the m rows of their lists; row for row what `Slates` holds.

    Attributes:
        request_id: str (n,).
        at: int64 (n,), instants of the answers.
        user: of each request; none where it told a history.
        arm, bundle, policy, params, request: of each request, the last two JSON.
        seed: int64 (n,), 0 where none was logged.
        indptr: int64 (n + 1,), request r has the rows indptr[r]:indptr[r + 1], by position from 1; a list may be empty.
        item: of each row.
        propensity: float64 (m,), in (0, 1], P(item at its position | items above, request, candidates).
        score: float64 (m,), NaN where none was logged.
        reward: float64 (m,), ≥ 0.
        candidates: of those requests whose candidates were logged.
        left_out: answers of the log that are no requests here.
        events: what became of those that earn.
    """

    request_id: pl.Series
    at: LongArray
    user: Labels
    arm: Labels
    bundle: Labels
    policy: Labels
    params: Labels
    request: Labels
    seed: LongArray
    indptr: LongArray
    item: Labels
    propensity: DoubleArray
    score: DoubleArray
    reward: DoubleArray
    candidates: Candidates
    left_out: LeftOut
    events: EventCounts

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of(
        cls, log: PolicyLog, config: OffPolicyConfig | None = None, *, as_of: Instant | None = None
    ) -> "Logged | Refusals":
        """The answers that can be evaluated and what they earned, or all that stands against it.

        Args:
            log: as it was written.
            config: which answers, what earns.
            as_of: until when the log is complete; None takes the config's, or the time of its last answer.
        """
        config = config or OffPolicyConfig()
        answers = Answers.read(log, since=instant(config.since), until=instant(config.until))
        refused = bad_log.of_rows(answers)
        if refused:
            return refused
        choice = Choice.of(answers)
        refused = (*bad_log.of_arms(log, answers, choice), *of_shares(users_of(answers), config.shares))
        if not choice.keep.any():
            return refused
        kept = answers if choice.keep.all() else answers.take(np.flatnonzero(choice.keep))
        del answers
        window = int(config.window_hours * HOUR)
        at = kept.heads["at"].to_numpy()
        complete = instant(config.as_of) if as_of is None else as_of
        refused += bad_log.of_window(at, window=window, as_of=last_answer(log) if complete is None else complete)
        rewards = Rewards.of(log, kept, config)
        refused += rewards.refused()
        return refused or cls._of(log, kept, rewards, choice.left_out)

    @classmethod
    def _of(cls, log: PolicyLog, answers: Answers, rewards: Rewards, left_out: LeftOut) -> "Logged":
        heads, rows = answers.heads, answers.rows
        candidates = logged_with(log, answers)
        items = Labels.of(pl.concat([rows["item_id"], flat(candidates["items"])]))
        m = len(rows)
        user, arm, bundle, policy, params, request = (Labels.of(heads[name]) for name in NAMES)
        return cls(
            request_id=heads["request_id"].cast(pl.String),
            at=heads["at"].to_numpy(),
            user=user,
            arm=arm,
            bundle=bundle,
            policy=policy,
            params=params,
            request=request,
            seed=heads["seed"].fill_null(0).to_numpy(),
            indptr=answers.indptr,
            item=replace(items, codes=items.codes[:m]),
            propensity=np.minimum(rows["propensity"].to_numpy(), 1.0),
            score=rows["score"].fill_null(float("nan")).to_numpy(),
            reward=rewards.reward,
            candidates=Candidates.of(candidates, items.codes[m:]),
            left_out=left_out,
            events=rewards.events,
        )

    def take(self, which: LongArray) -> "Logged":
        """Some of the requests, in rising order; what was left out or became of events is told of all as before."""
        indptr, rows = picked(self.indptr, which)
        return replace(
            self,
            **{name: getattr(self, name).take(which) for name in _ONCE},
            request_id=self.request_id.gather(which),
            at=self.at[which],
            seed=self.seed[which],
            indptr=indptr,
            item=self.item.take(rows),
            propensity=self.propensity[rows],
            score=self.score[rows],
            reward=self.reward[rows],
            candidates=self.candidates.take(which),
        )

    @property
    def user_idx(self) -> IntArray:
        """int32 (n,), dense codes of the clusters: the users, then each request without one by itself."""
        return self.user.clusters

    @property
    def position(self) -> IntArray:
        """int32 (m,), from 1."""
        return (np.arange(self.indptr[-1]) - np.repeat(self.indptr[:-1], np.diff(self.indptr)) + 1).astype(np.int32)

    @property
    def pace(self) -> Pace:
        """How fast the log grows and how much it explores."""
        n, sizes = len(self), np.diff(self.indptr)
        pairs = pl.DataFrame({"policy": self.policy.codes, "params": self.params.codes}).unique()
        name, value = rate(
            *(_names(labels, pairs[key]) for key, labels in (("policy", self.policy), ("params", self.params)))
        )
        return Pace(
            answers=n,
            span=mean_span(self.at) * n,
            length=float(sizes[sizes > 0].mean()),
            policy=name,
            rate=value,
        )


def _names(labels: Labels, codes: pl.Series) -> list[str | None]:
    return replace(labels, codes=codes.to_numpy()).decode().to_list()


def instant(moment: datetime | None) -> Instant | None:
    """Of a date and time with a zone."""
    return None if moment is None else instant_of(moment)


def last_answer(log: PolicyLog) -> Instant:
    """When the last answer was given; of a log that has one."""
    return int(log.answers.select(pl.col("at").max().to_physical()).collect(engine="streaming").item())
