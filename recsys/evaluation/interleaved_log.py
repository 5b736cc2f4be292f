"""The interleaved lists of a policy log: which two rankings met, and what users clicked.

A place is clicked where an event that earns counts for it, by the rules of `off_policy.rewards`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.interleave import InterleavedClicks
from recsys.evaluation.off_policy.log import bad_log
from recsys.evaluation.off_policy.log.answers import Answers, picked
from recsys.evaluation.off_policy.log.labels import Labels
from recsys.evaluation.off_policy.log.left_out import Choice
from recsys.evaluation.off_policy.log.logged import instant, last_answer
from recsys.evaluation.off_policy.log.rewards import HOUR, EventCounts, Rewards
from recsys.evaluation.off_policy.wording import of
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.ranking.interleaving import WAYS
from recsys.schema import BoolArray, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Two rankings that an arm interleaved.

    Attributes:
        arm: of the experiment.
        way: how, one of `ranking.interleaving.WAYS`.
        first, second: digests of the bundles that ranked.
        clicks: of its requests, by rising time; what `interleave.preference` asks for.
    """

    arm: str
    way: str
    first: str
    second: str
    clicks: InterleavedClicks


@dataclass(frozen=True, slots=True, kw_only=True)
class InterleavedLog:
    """All contests of a log.

    Attributes:
        contests: by arm, then way, first and second; none where no list was interleaved.
        repeated: interleaved lists that are left out since their request_id was answered again later.
        degraded: left out since a part of the service had failed.
        events: what became of those that earn, of all the log: those of other answers count as unnamed.
    """

    contests: tuple[Contest, ...] = ()
    repeated: int = 0
    degraded: int = 0
    events: EventCounts = field(default_factory=EventCounts)

    @classmethod
    def of(
        cls, log: PolicyLog, config: OffPolicyConfig | None = None, *, as_of: Instant | None = None
    ) -> "InterleavedLog | Refusals":
        """The contests, or all that stands against telling what users prefer.

        Args:
            log: as it was written.
            config: which answers, which events are clicks: those of roles that earn.
            as_of: until when the log is complete; None takes the config's, or the time of its last answer.
        """
        config = config or OffPolicyConfig()
        drawn = log.answers.filter(pl.col("policy").is_in(list(WAYS)))
        asked = drawn.select("request_id").unique().collect(engine="streaming")  # first: most logs have none
        if asked.is_empty():
            return cls()
        some = replace(log, answers=log.answers.join(asked.lazy(), on="request_id", how="semi", nulls_equal=True))
        answers = Answers.read(some, since=instant(config.since), until=instant(config.until))
        choice = Choice.of_interleaved(answers)
        if not choice.exploring.any():
            return cls()
        refused = bad_log.of_rows(answers)
        if refused:
            return refused
        kept = answers.take(np.flatnonzero(choice.keep))
        window = int(config.window_hours * HOUR)
        refused += (*bad_log.of_interleaved(answers, choice), *_unnamed(kept), *_firsts(kept))
        at = kept.heads["at"].to_numpy()
        complete = instant(config.as_of) if as_of is None else as_of
        refused += bad_log.of_window(at, window=window, as_of=last_answer(log) if complete is None else complete)
        rewards = Rewards.of(log, kept, config)
        refused += rewards.refused()
        if refused:
            return refused
        return cls(
            contests=tuple(_contests(kept, rewards.reward > 0)),
            repeated=choice.left_out.repeated,
            degraded=choice.left_out.degraded,
            events=rewards.events,
        )


def _unnamed(answers: Answers) -> Iterator[Refusal]:
    """What is wrong with the names of the rankings."""
    params = answers.heads["params"].cast(pl.String).value_counts().rows()
    unnamed = sum(n for each, n in params if _rankings(each) is None)
    if unnamed:
        yield Refusal(
            name="unnamed-rankings",
            because=f"{of(unnamed, len(answers), 'interleaved answers')} have params that do not name two rankings.",
            cure='Expected {"first": digest, "second": digest}, as recsys serve writes it: take them out of the log.',
        )


def _firsts(answers: Answers) -> Iterator[Refusal]:
    """What is wrong with the places' chances to be the first ranking's."""
    first = answers.rows["first"]
    value = first.fill_null(0.0).to_numpy()
    wrong = ~((value >= 0) & (value <= 1))
    if wrong.any():
        name = answers.heads["request_id"][int(answers.answer[wrong.argmax()])]
        yield Refusal(
            name="no-chances",
            because=f"{of(int(wrong.sum()), len(wrong), 'rows')} of interleaved lists have as `first` what is no "
            f"probability, the first in request {name!r}.",
            cure="Whose item it is cannot be told: log with recsys serve, which writes P(the first ranking gave it).",
        )
    if len(first) and first.null_count() == len(first):
        yield Refusal(
            name="no-contest",
            because=f"None of {len(first):,} rows of interleaved lists has a `first`.",
            cure="Whose items they are is not known: log with recsys serve, which writes it, or look whether one of "
            "the two rankings was empty.",
        )


def _contests(answers: Answers, clicked: BoolArray) -> list[Contest]:
    """Of answers that name their rankings, and bool (m,) of their rows."""
    first = answers.rows["first"].fill_null(float("nan")).to_numpy()
    user = Labels.of(answers.heads["user_id"]).clusters
    keys = answers.heads.select(pl.col("arm", "policy", "params").cast(pl.String)).with_row_index("n")
    contests = []
    for (arm, way, params), requests in keys.group_by("arm", "policy", "params", maintain_order=True):
        which, two = requests["n"].cast(pl.Int64).to_numpy(), _rankings(params)
        assert two is not None
        indptr, rows = picked(answers.indptr, which)
        clicks = InterleavedClicks(user_idx=user[which], indptr=indptr, first=first[rows], clicked=clicked[rows])
        contests.append(Contest(arm=str(arm), way=str(way), first=two[0], second=two[1], clicks=clicks))
    return sorted(contests, key=lambda each: (each.arm, each.way, each.first, each.second))


def _rankings(params: object) -> tuple[str, str] | None:
    """The two that the params of an answer name."""
    try:
        told = json.loads(str(params))
        first, second = told["first"], told["second"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
    return (first, second) if isinstance(first, str) and isinstance(second, str) else None
