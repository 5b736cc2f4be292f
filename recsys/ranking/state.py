"""What is known of the items as of an instant, in a form that can be aged to any later one."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.errors import ArtifactError
from recsys.ranking.counters import Counters, decay
from recsys.retrieval.collaborative import contacts
from recsys.schema import BoolArray, DoubleArray, Instant, IntArray, LongArray

NEVER = -1
"""Stands for an instant that does not exist."""

_ARRAYS = (
    "decayed", "firsts", "takes", "takers", "repeaters", "met", "interval", "born", "last", "known", "price",
    "category", "brand",
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
        interval: float64 (n_items,), days between two takes by one user, on average; NaN without repeaters.
        born: int64 (n_items,), created_at or the first event, whichever is earlier; NEVER if neither.
        last: int64 (n_items,), the last positive event; NEVER if none.
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
    interval: DoubleArray
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
        n, day = interactions.n_items, interactions.day
        histories = interactions.histories(interactions.before(as_of).user_indices(), as_of=as_of)
        met, taken = contacts(histories), histories.positives()
        pairs = _by_user_and_item(taken, n, as_of, day)
        item = pairs.keys % n
        repeated = pairs.visits > 1
        span = (pairs.last - pairs.first) / day
        gaps = np.bincount(item, pairs.visits - 1, minlength=n)
        with np.errstate(invalid="ignore"):
            interval = np.bincount(item, span, minlength=n) / np.where(gaps > 0, gaps, np.nan)
        fresh = [decay(taken.at, as_of=as_of, half_life=h, day=day) * taken.weight for h in half_lives]
        first = [decay(pairs.first, as_of=as_of, half_life=h, day=day) for h in half_lives]
        return cls(
            as_of=as_of,
            day=day,
            half_lives=half_lives,
            decayed=np.array([np.bincount(taken.item_idx, w, minlength=n) for w in fresh]),
            firsts=np.array([np.bincount(item, w, minlength=n) for w in first]),
            takes=np.bincount(taken.item_idx, minlength=n).astype(np.float64),
            takers=np.bincount(item, minlength=n).astype(np.float64),
            repeaters=np.bincount(item, repeated, minlength=n).astype(np.float64),
            met=np.bincount(met.item_idx, minlength=n).astype(np.float64),
            interval=interval,
            born=_born(catalog, histories, as_of),
            last=_latest(taken, n),
            known=catalog.known_before(as_of, interactions.before(as_of).seen_items()),
            price=catalog.items["price"].fill_null(float("nan")).to_numpy().astype(np.float64),
            category=_codes(catalog.items["category"]),
            brand=_codes(catalog.items["brand"]),
        )

    def __len__(self) -> int:
        return len(self.takes)

    def fading(self, as_of: Instant) -> DoubleArray:
        """float64 (half-lives,): what is left of the decayed counters at a later instant."""
        return np.array([float(decay(self.as_of, as_of=as_of, half_life=h, day=self.day)) for h in self.half_lives])

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


def _by_user_and_item(taken: Histories, n_items: int, as_of: Instant, day: Instant) -> Counters:
    keys = taken.rows * n_items + taken.item_idx
    return Counters.of(keys, taken.at, taken.weight.astype(np.float64), as_of=as_of, half_lives=(), day=day)


def _born(catalog: Catalog, histories: Histories, as_of: Instant) -> LongArray:
    far = np.iinfo(np.int64).max
    born = np.full(len(catalog), far, np.int64)
    np.minimum.at(born, histories.item_idx, histories.at)
    created = catalog.items["created_at"].dt.epoch("us").fill_null(far).to_numpy()
    born = np.minimum(born, np.where(created < as_of, created, far))
    return np.where(born == far, NEVER, born)


def _latest(taken: Histories, n_items: int) -> LongArray:
    last = np.full(n_items, NEVER, np.int64)
    np.maximum.at(last, taken.item_idx, taken.at)
    return last


def _codes(names: pl.Series) -> IntArray:
    values = sorted(set(names.drop_nulls().to_list()) - {""})
    index = {value: code for code, value in enumerate(values)}
    return np.array([index.get(name, -1) for name in names.to_list()], np.int32)
