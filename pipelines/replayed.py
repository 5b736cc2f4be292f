"""A bundle as a policy: how likely it would have given the lists that a log holds, asked as the service asks it."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.ranking.config import PolicyConfig
from recsys.ranking.likelihood import Likelihood, likelihood
from recsys.ranking.policy import EpsilonGreedy, policy
from recsys.schema import SECOND, BoolArray, DoubleArray, Instant, IntArray
from serving.breaker import Breaker
from serving.counting import counted
from serving.schemas import RankRequest, RecommendRequest
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.store import Event

COUNT_EVERY = 60 * SECOND
"""How often, in µs of the log, the items' counters are brought up to what was posted."""

_REQUEST = ["request_id", "at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a bundle would have done, answer by answer in the order of `answers_of`.

    Attributes:
        probability: float64 (m,), of each place as `likelihood` has it; NaN where it cannot be told: of a history that
            the log does not hold, or of a list of which the log does not tell what it was drawn from.
        outside: float64 (n,), likewise.
    """

    probability: DoubleArray
    outside: DoubleArray


def answers_of(log: PolicyLog) -> pl.DataFrame:
    """A row an answer, by time, `at` in µs: what was asked, its items, what they were drawn from or null."""
    shown = pl.col("item_id").sort_by("position").drop_nulls()
    first = ["user_id", "policy", "params", "request"]
    answers = log.answers.group_by(_REQUEST).agg(pl.col(first).first(), shown)
    drawn_from = log.candidates.select(*_REQUEST, drawn_from="item_ids")
    both = answers.join(drawn_from, on=_REQUEST, how="left").sort("at", "request_id")
    return both.with_columns(pl.col("at").dt.epoch("us")).collect()


def replay(
    bundle: Path,
    answers: pl.DataFrame,
    events: pl.DataFrame,
    *,
    explores: PolicyConfig | None = None,
    told: Callable[[int], None] = lambda _n: None,
) -> Replayed:
    """How likely a bundle was to give each of the answers.

    It is asked at the instant of each answer, with what users had posted by then. Where the log tells what lists were
    drawn from, the bundle draws from that and from its own candidates, as an arm of an experiment does.

    Args:
        bundle: its directory.
        answers: as `answers_of` gives them.
        events: `PolicyLog.events`.
        explores: who has the last word; None: who had it in each answer.
        told: how many answers are done, after each.

    Raises:
        ArtifactError: no bundle, or one that is not whole.
    """
    told_drawn = bool(answers["drawn_from"].is_not_null().any())
    probability, outside = [], []
    with _serving(bundle, events) as asked_at:
        for n, row in enumerate(answers.iter_rows(named=True), 1):
            unknown = row["user_id"] is None or (told_drawn and row["drawn_from"] is None)
            found = None if unknown else _judged(asked_at(row["at"]), row, explores)
            probability.append(np.full(len(row["item_id"]), np.nan) if found is None else found.probability)
            outside.append(np.full(1, np.nan) if found is None else found.outside)
            told(n)
    return Replayed(
        probability=np.concatenate([np.zeros(0), *probability]), outside=np.concatenate([np.zeros(0), *outside])
    )


def _judged(service: Service, row: dict[str, Any], explores: PolicyConfig | None) -> Likelihood:
    """Of one answer; its items are all that an answer to /v1/rank was asked to order."""
    request = json.loads(row["request"])
    ids, vectors = service.bundle.catalog.vocabulary, service.bundle.recommender.vectors.vectors
    listed = ids.encode(row["item_id"])
    filters = {name: request.get(name) for name in ("exclude_seen", "filters")}
    way, drawn_from = service.bundle.recommender, None
    if row["drawn_from"] is not None:
        drawn_from = _among(ids.encode(row["drawn_from"]), len(ids))
    if request["kind"] == "rank":
        k, asked = None, service.asked(RankRequest(user_id=row["user_id"], item_ids=tuple(row["item_id"]), **filters))
        found = way.scored_items(asked.histories, [listed[listed >= 0]], as_of=asked.as_of)
    else:
        k, query = request["k"], RecommendRequest(user_id=row["user_id"], k=request["k"], **filters)
        asked = service.asked(query)
        found = way.scored(
            asked.histories,
            as_of=asked.as_of,
            allowed=asked.allowed,
            exclude_seen=asked.exclude_seen,
            besides=None if drawn_from is None else drawn_from[None],
        )
    explores = explores or PolicyConfig(kind=row["policy"], **json.loads(row["params"]))
    return likelihood(
        found,
        way.snapshot.rules,
        vectors,
        policy(explores) or EpsilonGreedy(epsilon=0),
        indptr=np.array([0, len(listed)], np.int64),
        item_idx=listed,
        k=[k],
        drawn_from=None if drawn_from is None else drawn_from[None],
    )


def _among(items: IntArray, n_items: int) -> BoolArray:
    """Bool (n_items,), True for these; -1 is nobody."""
    some = np.zeros(n_items, np.bool_)
    some[items[items >= 0]] = True
    return some


@dataclass(slots=True, kw_only=True)
class _Moment:
    """The clock of a replay."""

    now: Instant = 0

    def __call__(self, _end: Instant) -> Instant:
        return self.now


@contextmanager
def _serving(bundle: Path, events: pl.DataFrame) -> Iterator[Callable[[Instant], Service]]:
    """Gives the service at an instant; instants go on."""
    moment = _Moment()
    waiting = _events(events)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "state.sqlite")
        service = Service.open(bundle, store=store, breaker=Breaker(store), clock=moment)
        upcoming, counted_at = next(waiting, None), 0

        def at(instant: Instant) -> Service:
            nonlocal service, upcoming, counted_at
            moment.now = instant
            while upcoming is not None and upcoming[0] < instant:
                posted, due = upcoming[0], []
                while upcoming is not None and upcoming[0] == posted:
                    due.append(upcoming[1])
                    upcoming = next(waiting, None)
                store.post(due, now=posted)
            if instant >= counted_at + COUNT_EVERY:
                counted_at = instant
                while (further := counted(service)) is not service:
                    service = further
            return service

        try:
            yield at
        finally:
            store.close()


def _events(events: pl.DataFrame) -> Iterator[tuple[Instant, Event]]:
    """When they were posted, and what; in that order."""
    dated = events.sort("posted", "timestamp", "event_id").with_columns(pl.col("posted").dt.epoch("us"))
    for row in dated.with_columns(at=pl.col("timestamp").dt.epoch("us")).drop("timestamp").iter_rows(named=True):
        yield row.pop("posted"), Event(**row)
