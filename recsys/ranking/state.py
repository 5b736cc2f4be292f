"""What is known of the items as of an instant, in a form that can be aged to any later one."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.errors import ArtifactError
from recsys.ranking.counters import decay
from recsys.ranking.part import Part
from recsys.schema import BoolArray, DoubleArray, Instant, IntArray, LongArray

NEVER = -1
"""Stands for an instant that does not exist."""

_COUNTS = ("takes", "takers", "repeaters", "met", "spans", "gaps")
_ARRAYS = (
    "decayed", "firsts", *_COUNTS, "born", "last", "known", "price", "category", "brand",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemState:
    """Counters and attributes of all items.

    An item of which nothing is known, neither event nor created_at, has counters of 0 and no age: it gets no boost for
    its lack of history, which in a catalogue made from a log would foretell its sales.

    Attributes:
        as_of: the instant the counters stand at; only events before it were counted.
        day: µs that count as a day of age.
        half_lives: of the decayed counters, in days.
        decayed: float64 (half-lives, n_items), decayed weights of positive events.
        firsts: float64 (half-lives, n_items), the same of each user's first one only.
        takes: float64 (n_items,), positive events.
        takers: float64 (n_items,), users with one.
        repeaters: float64 (n_items,), users with positive events at two instants or more.
        met: float64 (n_items,), events that take the item or turn it down.
        spans: float64 (n_items,), days from a user's first take to the last, summed over users.
        gaps: float64 (n_items,), how many times a user came back for it, summed over users.
        born: int64 (n_items,), created_at or the first event, whichever is earlier; NEVER if neither.
        last: int64 (n_items,), the last positive event, returned or not; NEVER if none.
        known: bool (n_items,), items with an event or a created_at before `as_of`.
        price: float64 (n_items,), NaN where none.
        category: int32 (n_items,), -1 where none.
        brand: int32 (n_items,), -1 where none.
    """

    as_of: Instant
    day: Instant
    half_lives: tuple[float, ...]
    decayed: DoubleArray
    firsts: DoubleArray
    takes: DoubleArray
    takers: DoubleArray
    repeaters: DoubleArray
    met: DoubleArray
    spans: DoubleArray
    gaps: DoubleArray
    born: LongArray
    last: LongArray
    known: BoolArray
    price: DoubleArray
    category: IntArray
    brand: IntArray

    @classmethod
    def of(
        cls, catalog: Catalog, interactions: Interactions, *, as_of: Instant, half_lives: tuple[float, ...]
    ) -> "ItemState":
        """Count the events known at `as_of`; later ones are not looked at."""
        first = interactions.events["at"].min()
        start = min(first, as_of) if isinstance(first, int) else as_of
        nothing = cls._nothing(catalog, start, interactions.day, half_lives)
        return nothing.advance(catalog, interactions, as_of=as_of)

    @classmethod
    def _nothing(cls, catalog: Catalog, as_of: Instant, day: Instant, half_lives: tuple[float, ...]) -> "ItemState":
        n = len(catalog)
        return cls(
            as_of=as_of,
            day=day,
            half_lives=half_lives,
            decayed=np.zeros((len(half_lives), n)),
            firsts=np.zeros((len(half_lives), n)),
            **{name: np.zeros(n) for name in _COUNTS},
            born=np.full(n, NEVER, np.int64),
            last=np.full(n, NEVER, np.int64),
            known=np.zeros(n, np.bool_),
            price=catalog.items["price"].fill_null(float("nan")).to_numpy().astype(np.float64),
            category=_codes(catalog.items["category"]),
            brand=_codes(catalog.items["brand"]),
        )

    def advance(self, catalog: Catalog, interactions: Interactions, *, as_of: Instant) -> "ItemState":
        """The state at a later instant, from what happened since: `of` in as many steps as one likes.

        A user's part in the counters is taken back as it was and added as it is, so that a return takes its purchase
        back. Events that arrive late, with an instant before `self.as_of`, are not counted.

        Args:
            catalog: the items.
            interactions: events in [self.as_of, as_of) and all earlier ones of their users; others may be left out.
            as_of: the instant, not before `self.as_of`.
        """
        news = interactions.events.filter(pl.col("at").is_between(self.as_of, as_of, closed="left"))
        users = news["user_idx"].unique().sort().to_numpy()
        before, after = (interactions.histories(users, as_of=at) for at in (self.as_of, as_of))
        moved = self.moved(catalog, before, after, as_of=as_of)
        return replace(
            moved,  # and what was cancelled since has happened all the same
            born=_earlier(moved.born, _extreme(news, len(self), "min")),
            last=np.maximum(moved.last, _extreme(news.filter(pl.col("weight") > 0), len(self), "max")),
            known=moved.known | _seen(news, len(self)),
        )

    def moved(self, catalog: Catalog, before: Histories, after: Histories, *, as_of: Instant) -> "ItemState":
        """The state at a later instant, by when the histories of some users have changed; in any order of users.

        Args:
            catalog: the items.
            before: the users' events that are counted already.
            after: all of their events by now, of the same users in the same order.
            as_of: the instant, not before `self.as_of`.
        """
        then, now = (Part.of(part, len(self), as_of, self.day, self.half_lives) for part in (before, after))
        faded = self.fading(as_of)[:, None]
        first = np.full(len(self), NEVER, np.int64)
        order = np.argsort(after.at)[::-1]  # of an item's events the first is written last
        first[after.item_idx[order]] = after.at[order]
        last, taken = self.last.copy(), after.positives()
        np.maximum.at(last, taken.item_idx, taken.at)
        seen = np.zeros(len(self), np.bool_)
        seen[after.item_idx] = True
        return replace(
            self,
            as_of=as_of,
            decayed=self.decayed * faded + (now.decayed - then.decayed),
            firsts=self.firsts * faded + (now.firsts - then.firsts),
            **{name: getattr(self, name) + (getattr(now, name) - getattr(then, name)) for name in _COUNTS},
            born=_earlier(self.born, _earlier(first, _created(catalog, as_of))),
            last=last,
            known=self.known | catalog.known_before(as_of, seen),
        )

    def __len__(self) -> int:
        return len(self.takes)

    def put(self, catalog: Catalog) -> "ItemState":
        """For a catalogue that some items were put into: new ones have no counters, all have its attributes."""
        more, created = len(catalog) - len(self), _created(catalog, self.as_of)
        counts: dict[str, Any] = {name: np.pad(getattr(self, name), (0, more)) for name in _COUNTS}
        return replace(
            self._nothing(catalog, self.as_of, self.day, self.half_lives),
            decayed=np.pad(self.decayed, ((0, 0), (0, more))),
            firsts=np.pad(self.firsts, ((0, 0), (0, more))),
            **counts,
            born=_earlier(np.pad(self.born, (0, more), constant_values=NEVER), created),
            last=np.pad(self.last, (0, more), constant_values=NEVER),
            known=np.pad(self.known, (0, more)) | (created != NEVER),
        )

    def without(self, catalog: Catalog, items: IntArray) -> "ItemState":
        """As if nobody had met some items; those that say when they were created have just been, and all stay known."""
        gone = np.zeros(len(self), np.bool_)
        gone[items] = True
        just_come = np.where(_created(catalog, self.as_of) == NEVER, NEVER, self.as_of)
        counts: dict[str, Any] = {name: np.where(gone, 0, getattr(self, name)) for name in _COUNTS}
        return replace(
            self,
            decayed=np.where(gone, 0, self.decayed),
            firsts=np.where(gone, 0, self.firsts),
            **counts,
            born=np.where(gone, just_come, self.born),
            last=np.where(gone, NEVER, self.last),
        )

    def fading(self, as_of: Instant) -> DoubleArray:
        """float64 (half-lives,): what is left of the decayed counters at a later instant."""
        return decay(self.as_of, as_of=as_of, half_life=np.array(self.half_lives), day=self.day)

    def save(self, directory: Path) -> None:
        """Write items.json and items-*.npy into an existing directory."""
        for name in _ARRAYS:
            np.save(directory / f"items-{name}.npy", getattr(self, name), allow_pickle=False)
        facts = {"as_of": self.as_of, "day": self.day, "half_lives": self.half_lives}
        (directory / "items.json").write_text(json.dumps(facts, indent=1, sort_keys=True))

    @classmethod
    def load(cls, directory: Path) -> "ItemState":
        """Read what `save` wrote.

        Raises:
            ArtifactError: arrays that do not fit each other.
        """
        facts = json.loads((directory / "items.json").read_text())
        arrays = {name: np.load(directory / f"items-{name}.npy", allow_pickle=False) for name in _ARRAYS}
        if len({a.shape[-1] for a in arrays.values()}) != 1:
            raise ArtifactError(f"The item counters in {directory} are of different lengths; make them again.")
        return cls(as_of=facts["as_of"], day=facts["day"], half_lives=tuple(facts["half_lives"]), **arrays)


def _extreme(events: pl.DataFrame, n: int, which: Literal["min", "max"]) -> LongArray:
    """int64 (n,): each item's first or last event, NEVER if none; a purchase counts though it came back later."""
    at = pl.col("at").min() if which == "min" else pl.col("at").max()
    found = events.group_by("item_idx").agg(at)
    extreme = np.full(n, NEVER, np.int64)
    extreme[found["item_idx"].to_numpy()] = found["at"].to_numpy()
    return extreme


def _earlier(left: LongArray, right: LongArray) -> LongArray:
    """The earlier of two instants, either of which may be NEVER."""
    return np.where(left == NEVER, right, np.where(right == NEVER, left, np.minimum(left, right)))


def _created(catalog: Catalog, as_of: Instant) -> LongArray:
    created = catalog.items["created_at"].dt.epoch("us").fill_null(as_of).to_numpy()
    return np.where(created < as_of, created, NEVER)


def _seen(events: pl.DataFrame, n: int) -> BoolArray:
    seen = np.zeros(n, np.bool_)
    seen[events["item_idx"].to_numpy()] = True
    return seen


def _codes(names: pl.Series) -> IntArray:
    values = sorted(set(names.drop_nulls().to_list()) - {""})
    index = {value: code for code, value in enumerate(values)}
    return np.array([index.get(name, -1) for name in names.to_list()], np.int32)
