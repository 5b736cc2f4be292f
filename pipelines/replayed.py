"""A bundle as a policy: how likely it would have given the lists that a log holds, asked as the service asks it."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.ranking.config import PolicyConfig
from recsys.ranking.likelihood import Likelihood, likelihood
from recsys.ranking.policy import EpsilonGreedy, Exploration, Policy, policy, randomness
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.recommender import Recommender
from recsys.schema import SECOND, BoolArray, DoubleArray, Instant, IntArray
from serving.breaker import Breaker
from serving.counting import counted
from serving.schemas import RankRequest, RecommendRequest
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.store import Event

COUNT_EVERY = 60 * SECOND
"""How often, in µs of the log, the items' counters are brought up to what was posted."""

DRAWS = 4
"""Lists of the bundle that what it would earn, by a model, is the mean of."""

_REQUEST = ["request_id", "at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a model of rewards says of one answer's items: looked · values of what stands at a place.

    Attributes:
        item_ids: items it knows.
        values: float64, of each.
        others: of any other.
        looked: float64, of the first places; beyond, the last one's.
    """

    item_ids: Sequence[str]
    values: DoubleArray
    others: float
    looked: DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a bundle would have done, answer by answer in the order of `answers_of`.

    Attributes:
        probability: float64 (m,), of each place as `likelihood` has it; NaN where it cannot be told: of a history that
            the log does not hold, or of a list of which the log does not tell what it was drawn from.
        outside: float64 (n,), likewise.
        value: float64 (n,), what the model says that lists of the bundle earn; NaN likewise, and without a model.
    """

    probability: DoubleArray
    outside: DoubleArray
    value: DoubleArray


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
    worth: Callable[[int], Worth] | None = None,
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
        worth: of the items of an answer, by its row; None without a model.
        told: how many answers are done, after each.

    Raises:
        ArtifactError: no bundle, or one that is not whole.
    """
    told_drawn = bool(answers["drawn_from"].is_not_null().any())
    places = answers["item_id"].list.len().to_numpy()
    ends = np.cumsum(places)
    probability = np.full(int(places.sum()), np.nan)
    outside, value = np.full((2, len(answers)), np.nan)
    with _serving(bundle, events) as asked_at:
        for n, row in enumerate(answers.iter_rows(named=True)):
            if row["user_id"] is not None and (row["drawn_from"] is not None or not told_drawn):
                asked = _Asked.of(asked_at(row["at"]), row, explores)
                found = asked.likelihood()
                probability[ends[n] - places[n] : ends[n]] = found.probability
                outside[n] = found.outside[0]
                if worth is not None:
                    value[n] = asked.value(worth(n))
            told(n + 1)
    return Replayed(probability=probability, outside=outside, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One answer's request, asked of the bundle.

    Attributes:
        request_id: its name.
        way: who answers.
        found: the candidates, in one row.
        draws: who has the last word.
        k: how many items were asked for; None where all were to be put in order.
        listed: int32 (places,), the answer's items, -1 where the catalogue does not know one.
        drawn_from: bool (1, n_items), or None where that is unknown.
    """

    request_id: str
    way: Recommender
    found: Scored
    draws: Policy
    k: int | None
    listed: IntArray
    drawn_from: BoolArray | None

    @classmethod
    def of(cls, service: Service, row: dict[str, Any], explores: PolicyConfig | None) -> "_Asked":
        """Its items are all that an answer to /v1/rank was asked to order."""
        request, way = json.loads(row["request"]), service.bundle.recommender
        ids = service.bundle.catalog.vocabulary
        listed = ids.encode(row["item_id"])
        told = row["drawn_from"]
        drawn_from = None if told is None else _among(ids.encode(told), len(ids))[None]
        query = {"user_id": row["user_id"]} | {name: request.get(name) for name in ("exclude_seen", "filters")}
        if request["kind"] == "rank":
            asked = service.asked(RankRequest(item_ids=tuple(row["item_id"]), **query))
            found = way.scored_items(asked.histories, [listed[listed >= 0]], as_of=asked.as_of)
        else:
            asked = service.asked(RecommendRequest(k=request["k"], **query))
            found = way.scored(
                asked.histories,
                as_of=asked.as_of,
                allowed=asked.allowed,
                exclude_seen=asked.exclude_seen,
                besides=drawn_from,
            )
        draws = explores or PolicyConfig(kind=row["policy"], **json.loads(row["params"]))
        return cls(
            request_id=row["request_id"],
            way=way,
            found=found,
            draws=policy(draws) or EpsilonGreedy(epsilon=0),
            k=request.get("k"),
            listed=listed,
            drawn_from=drawn_from,
        )

    def likelihood(self) -> Likelihood:
        """Of the answer."""
        return likelihood(
            self.found,
            self.way.snapshot.rules,
            self.way.vectors.vectors,
            self.draws,
            indptr=np.array([0, len(self.listed)], np.int64),
            item_idx=self.listed,
            k=[self.k],
            drawn_from=self.drawn_from,
        )

    def value(self, worth: Worth) -> float:
        """What lists of the bundle earn, the mean of DRAWS."""
        ids = self.way.catalog.vocabulary
        each, known = np.full(len(ids), worth.others), ids.encode(worth.item_ids)
        each[known[known >= 0]] = worth.values[known >= 0]
        return float(np.mean([self._earned(draw, each, worth.looked) for draw in range(DRAWS)]))

    def _earned(self, draw: int, each: DoubleArray, looked: DoubleArray) -> float:
        exploration = Exploration(policy=self.draws, sources=[randomness(draw, self.request_id)])
        rules, vectors = self.way.snapshot.rules, self.way.vectors.vectors
        items = select(self.found, rules, vectors, k=self.k, exploration=exploration).item_idx
        return float(looked[np.minimum(np.arange(len(items)), len(looked) - 1)] @ each[items])


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
