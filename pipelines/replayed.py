"""A bundle as a policy: how likely it would have given the lists that a log holds, asked as the service asks it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.replayed_request import Request, Worth, told_of
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.ranking.config import PolicyConfig
from recsys.schema import SECOND, DoubleArray, Instant, LongArray
from serving.breaker import Breaker
from serving.counting import counted
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.store import Event

COUNT_EVERY = 60 * SECOND
"""How often, in µs of the log, the items' counters are brought up to what was posted."""

_ONCE = {"user_id": "user", "policy": "policy", "params": "params", "request": "request"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a bundle would have done, row by row as `Logged` has them.

    Attributes:
        probability: float64 (m,), of each place as `likelihood` has it; NaN where it cannot be told: of a history that
            the log does not hold, or of a list of which the log does not tell what was asked or what it was drawn from.
        outside: float64 (n,), likewise.
        value: float64 (n,), what the model says that lists of the bundle earn; NaN likewise, and without a model.
        end: of the events that the bundle was made of, exclusive.
    """

    probability: DoubleArray
    outside: DoubleArray
    value: DoubleArray
    end: Instant


def answers_of(logged: Logged) -> pl.DataFrame:
    """A row a request of `logged`: what was asked, its items, what they were drawn from or null, and `at` in µs."""
    columns = {name: getattr(logged, column).decode() for name, column in _ONCE.items()}
    shown = _lists(logged.item.decode(), logged.indptr, np.arange(len(logged)))
    candidates = logged.candidates
    drawn_from = _lists(replace(logged.item, codes=candidates.item).decode(), candidates.indptr, candidates.request)
    answers = pl.DataFrame({"request_id": logged.request_id, "at": logged.at, **columns}).with_row_index("row")
    return answers.join(shown.rename({"items": "item_id"}), on="row", how="left", maintain_order="left").join(
        drawn_from.rename({"items": "drawn_from"}), on="row", how="left", maintain_order="left"
    )


def _lists(items: pl.Series, indptr: LongArray, rows: LongArray) -> pl.DataFrame:
    """A row, and the list of its items, which may be empty."""
    row = pl.Series(np.repeat(rows, np.diff(indptr)), dtype=pl.UInt32)
    found = pl.DataFrame({"row": row, "items": items}).group_by("row", maintain_order=True).agg("items")
    every = pl.DataFrame({"row": pl.Series(rows, dtype=pl.UInt32)})
    return every.join(found, on="row", how="left", maintain_order="left").with_columns(pl.col("items").fill_null([]))


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
    with _serving(bundle, events) as (end, asked_at):
        for n, row in enumerate(answers.iter_rows(named=True)):
            drawn = row["drawn_from"] is not None or not told_drawn
            if drawn and row["user_id"] is not None and told_of(row["request"]):
                asked = Request.of(asked_at(row["at"]), row, explores)
                found = asked.likelihood()
                probability[ends[n] - places[n] : ends[n]] = found.probability
                outside[n] = found.outside[0]
                if worth is not None:
                    value[n] = asked.value(worth(n))
            told(n + 1)
    return Replayed(probability=probability, outside=outside, value=value, end=end)


@dataclass(slots=True, kw_only=True)
class _Moment:
    """The clock of a replay."""

    now: Instant = 0

    def __call__(self, _end: Instant) -> Instant:
        return self.now


@contextmanager
def _serving(bundle: Path, events: pl.DataFrame) -> Iterator[tuple[Instant, Callable[[Instant], Service]]]:
    """Gives the bundle's end, and the service at an instant; instants go on."""
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
            yield service.bundle.end, at
        finally:
            store.close()


def _events(events: pl.DataFrame) -> Iterator[tuple[Instant, Event]]:
    """When they were posted, and what; in that order."""
    dated = events.sort("posted", "timestamp", "event_id").with_columns(pl.col("posted").dt.epoch("us"))
    for row in dated.with_columns(at=pl.col("timestamp").dt.epoch("us")).drop("timestamp").iter_rows(named=True):
        yield row.pop("posted"), Event(**row)
