"""The log: who did what, when. Whatever reads it names an instant or a window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.storage import read_json, read_table, write_json
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError, ShapeError
from recsys.schema import (
    DAY,
    BoolArray,
    ByteArray,
    DoubleArray,
    FloatArray,
    Instant,
    IntArray,
    LongArray,
)

COLUMNS: dict[str, type[pl.DataType]] = {
    "user_idx": pl.Int32,
    "item_idx": pl.Int32,
    "event": pl.UInt8,
    "at": pl.Int64,
    "value": pl.Float64,
    "weight": pl.Float32,
    "until": pl.Int64,
    "position": pl.Int32,
}
"""Columns of `Interactions.events`: `event` is a code of `schema.EVENTS`; `at` and `until` are µs since the epoch;
`weight` is 0 where the event is no positive; `until` is when the event was cancelled (a purchase by its return);
`position` is the place, from 1, at which the item was shown, null where the log does not tell."""

_USERS = {"user_id": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """The events of n users before an instant, oldest first, in compressed rows. The input of every model.

    Attributes:
        indptr: int64 (n + 1,), row u holds entries indptr[u]:indptr[u + 1].
        item_idx: int32 (m,), never -1.
        event: uint8 (m,), codes of `schema.EVENTS`.
        at: int64 (m,), µs since the epoch.
        value: float64 (m,), NaN where none.
        weight: float32 (m,), 0 where the event is no positive.
    """

    indptr: LongArray
    item_idx: IntArray
    event: ByteArray
    at: LongArray
    value: DoubleArray
    weight: FloatArray

    def __post_init__(self) -> None:
        sizes = {len(self.item_idx), len(self.event), len(self.at), len(self.value), len(self.weight)}
        if sizes != {int(self.indptr[-1])}:
            raise ShapeError(f"Histories: expected {int(self.indptr[-1])} entries in each array, got sizes {sizes}.")

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def rows(self) -> LongArray:
        """int64 (m,), the user row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def where(self, mask: BoolArray) -> "Histories":
        """Only the entries of a mask, bool (m,)."""
        if mask.all():
            return self
        counts = np.bincount(self.rows[mask], minlength=len(self))
        return Histories(
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            item_idx=self.item_idx[mask],
            event=self.event[mask],
            at=self.at[mask],
            value=self.value[mask],
            weight=self.weight[mask],
        )

    def positives(self) -> "Histories":
        """Only the events that are signs of interest."""
        return self.where(self.weight > 0)

    def last(self, n: int) -> "Histories":
        """The n most recent events of each user."""
        position_from_end = np.repeat(self.indptr[1:], np.diff(self.indptr)) - np.arange(len(self.item_idx))
        return self.where(position_from_end <= n)

    def before(self, as_of: Instant) -> "Histories":
        """Only the events strictly before an instant."""
        return self.where(self.at < as_of)

    def take(self, rows: LongArray | IntArray | Sequence[int]) -> "Histories":
        """The chosen user rows, in the given order."""
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) == 1 and rows[0] >= 0:
            return self.part(int(rows[0]), int(rows[0]) + 1)
        starts = self.indptr[:-1][rows]
        lengths = self.indptr[1:][rows] - starts
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        pick = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return Histories(
            indptr=indptr,
            item_idx=self.item_idx[pick],
            event=self.event[pick],
            at=self.at[pick],
            value=self.value[pick],
            weight=self.weight[pick],
        )

    def part(self, start: int, end: int) -> "Histories":
        """The user rows in [start, end), not copied."""
        if start == 0 and end == len(self):
            return self
        first, last = self.indptr[start], self.indptr[end]
        return Histories(
            indptr=self.indptr[start : end + 1] - first,
            item_idx=self.item_idx[first:last],
            event=self.event[first:last],
            at=self.at[first:last],
            value=self.value[first:last],
            weight=self.weight[first:last],
        )

    def blocks(self, size: int) -> Iterator[tuple[int, "Histories"]]:
        """(first row, at most `size` rows) one after the other."""
        for start in range(0, len(self), size):
            yield start, self.part(start, min(start + size, len(self)))

    @classmethod
    def concat(cls, parts: Sequence["Histories"]) -> "Histories":
        """The rows of all parts, one after the other."""
        ends = np.cumsum([0, *(len(p.item_idx) for p in parts)])
        offsets = [p.indptr[1:] + end for p, end in zip(parts, ends, strict=False)]
        empty = cls.empty(0)
        return cls(
            indptr=np.concatenate([[0], *offsets]).astype(np.int64),
            item_idx=np.concatenate([empty.item_idx, *(p.item_idx for p in parts)]),
            event=np.concatenate([empty.event, *(p.event for p in parts)]),
            at=np.concatenate([empty.at, *(p.at for p in parts)]),
            value=np.concatenate([empty.value, *(p.value for p in parts)]),
            weight=np.concatenate([empty.weight, *(p.weight for p in parts)]),
        )

    @classmethod
    def empty(cls, n: int) -> "Histories":
        """Histories of n users without events."""
        return cls(
            indptr=np.zeros(n + 1, np.int64),
            item_idx=np.zeros(0, np.int32),
            event=np.zeros(0, np.uint8),
            at=np.zeros(0, np.int64),
            value=np.zeros(0, np.float64),
            weight=np.zeros(0, np.float32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """Events of known items, sorted by time.

    Attributes:
        events: the columns of `COLUMNS`, sorted by at, then user_idx, item_idx, event, value, position.
        users: user_id ↔ user_idx.
        n_items: size of the catalogue the item_idx belong to.
        day: µs that count as one day of age: 86,400 s where the clock is real, span / 365 where it only orders.
    """

    events: pl.DataFrame
    users: Vocabulary
    n_items: int
    day: Instant = DAY

    def __post_init__(self) -> None:
        if self.events.schema != pl.Schema(COLUMNS):
            raise ShapeError(f"Interactions: expected columns {COLUMNS}, got {dict(self.events.schema)}.")
        if not self.events["at"].is_sorted():
            raise ShapeError("Interactions: expected events sorted by time.")

    def __len__(self) -> int:
        return len(self.events)

    def _with(self, events: pl.DataFrame) -> "Interactions":
        return Interactions(events=events, users=self.users, n_items=self.n_items, day=self.day)

    def before(self, as_of: Instant) -> "Interactions":
        """What was known at `as_of`: events before it, less those cancelled before it."""
        stands = pl.col("until").is_null() | (pl.col("until") >= as_of)
        return self._with(self.events.filter((pl.col("at") < as_of) & stands))

    def between(self, start: Instant, end: Instant) -> "Interactions":
        """Events in [start, end) that were not cancelled before `end`."""
        return self._with(self.before(end).events.filter(pl.col("at") >= start))

    def positives(self) -> "Interactions":
        """Only events that are signs of interest."""
        return self._with(self.events.filter(pl.col("weight") > 0))

    @property
    def end(self) -> Instant:
        """Just after the last event."""
        last = self.events["at"].max()
        return int(last) + 1 if isinstance(last, int) else 0

    def user_indices(self) -> IntArray:
        """int32, sorted: the users with an event here."""
        return self.events["user_idx"].unique().sort().to_numpy()

    def seen_items(self) -> BoolArray:
        """(n_items,) True where an item has an event here."""
        seen = np.zeros(self.n_items, np.bool_)
        seen[self.events["item_idx"].to_numpy()] = True
        return seen

    def histories(self, user_idx: IntArray, *, as_of: Instant, n: int | None = None) -> Histories:
        """The users' events before `as_of`, oldest first, the last `n` of each if given; empty for index -1."""
        known = self.before(as_of).events
        wanted = pl.DataFrame({"user_idx": user_idx, "row": np.arange(len(user_idx), dtype=np.int64)})
        wanted = wanted.with_columns(pl.col("user_idx").cast(pl.Int32))
        found = wanted.join(known.with_row_index("order"), on="user_idx").sort("row", "order")
        counts = np.bincount(found["row"].to_numpy(), minlength=len(user_idx))
        histories = Histories(
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            item_idx=found["item_idx"].to_numpy(),
            event=found["event"].to_numpy(),
            at=found["at"].to_numpy(),
            value=found["value"].fill_null(float("nan")).to_numpy(),
            weight=found["weight"].to_numpy(),
        )
        return histories if n is None else histories.last(n)

    def save(self, directory: Path) -> None:
        """Write `events.parquet`, `users.parquet` and `interactions.json` into an existing directory."""
        self.events.write_parquet(directory / "events.parquet")
        pl.DataFrame({"user_id": self.users.ids}, schema=_USERS).write_parquet(directory / "users.parquet")
        body = {"n_items": self.n_items, "day": self.day, "users": self.users.digest}
        write_json(directory / "interactions.json", body)

    @classmethod
    def load(cls, directory: Path) -> "Interactions":
        """Read what `save` wrote.

        Raises:
            ArtifactError: a file is missing or malformed, or an index points outside users or items.
        """
        body = read_json(directory / "interactions.json")
        events = read_table(directory / "events.parquet", COLUMNS)
        users = Vocabulary.ordered(read_table(directory / "users.parquet", _USERS)["user_id"].to_list())
        try:
            n_items, day = int(body["n_items"]), int(body["day"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{directory / 'interactions.json'}: expected n_items and day, got {body}.") from error
        inside = pl.col("user_idx").is_between(0, len(users) - 1) & pl.col("item_idx").is_between(0, n_items - 1)
        if users.digest != body.get("users") or not events.select(inside.all()).item():
            raise ArtifactError(
                f"{directory}: the events do not belong to its {len(users)} users and {n_items} items; "
                "make the interactions again."
            )
        return cls(events=events, users=users, n_items=n_items, day=day)
