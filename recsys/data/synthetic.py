"""A small made-up shop whose truth is known: every user and every item has one taste, and only text tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from recsys.schema import DAY, ITEM_COLUMNS, SECOND, UTC_US, DoubleArray, Instant, IntArray, LongArray

START: Instant = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * SECOND
"""The first instant of every world."""

WORDS: dict[str, tuple[str, ...]] = {
    "garden": ("trowel", "seed", "hedge", "watering", "flowerpot", "compost", "lawn", "bulb"),
    "kitchen": ("saucepan", "whisk", "oven", "ladle", "teapot", "spice", "baking", "chopping"),
    "stationery": ("notebook", "pencil", "eraser", "envelope", "ink", "folder", "stapler", "ruler"),
    "toys": ("puzzle", "marble", "kite", "doll", "spinning", "puppet", "blocks", "skipping"),
    "music": ("guitar", "drum", "flute", "strings", "metronome", "violin", "songbook", "tuner"),
    "cycling": ("pedal", "saddle", "helmet", "tyre", "pump", "bell", "chain", "handlebar"),
}
"""Taste → words that only its items carry."""

_COMMON = ("red", "blue", "small", "large", "classic", "folding")
_BRANDS = ("Alder & Co", "Birchwood", "Cobalt", "Dunmore")
_OFF_TASTE = 0.04
_REPEAT = 0.35
_CLICKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A shop in the plain form, and the truth behind it.

    Attributes:
        items: every column of `schema.ITEM_COLUMNS`, sorted by item_id; the last tenth of time brings a few new items,
            the only ones with a created_at.
        events: user_id, item_id, event (click or purchase), timestamp, value, sorted by time.
        taste_of_user: int32 (n_users,), in the order of the sorted user ids.
        taste_of_item: int32 (n_items,), in the order of the sorted item ids.

    >>> world = make_world(n_users=8, n_items=16, n_tastes=2)
    >>> world.items["title"][0], sorted(world.events["event"].unique())
    ('folding hedge watering', ['click', 'purchase'])
    """

    items: pl.DataFrame
    events: pl.DataFrame
    taste_of_user: IntArray
    taste_of_item: IntArray

    def write(self, directory: Path) -> None:
        """Write `items.parquet` and `events.parquet` into a directory, made if missing."""
        directory.mkdir(parents=True, exist_ok=True)
        self.items.write_parquet(directory / "items.parquet")
        self.events.write_parquet(directory / "events.parquet")


def make_world(*, n_users: int = 60, n_items: int = 48, n_tastes: int = 4, days: int = 120, seed: int = 0) -> World:
    """A world of about 40 events a user: visits of two clicks and one purchase, a third of them repeats.

    At least 90 % of all purchases are items of the buyer's own taste. The same arguments make the same world.

    Args:
        n_users: number of users.
        n_items: number of items, at least two per taste.
        n_tastes: number of tastes, at most `len(WORDS)`.
        days: length of the log in days.
        seed: of all randomness.

    Raises:
        ValueError: more tastes than word lists, or fewer than two items per taste.
    """
    if not 1 <= n_tastes <= len(WORDS) or n_items < 2 * n_tastes:
        raise ValueError(f"Expected 1 to {len(WORDS)} tastes and 2 items for each, got {n_tastes} and {n_items} items.")
    rng = np.random.default_rng(seed)
    taste_of_user = rng.permutation(np.arange(n_users) % n_tastes).astype(np.int32)
    taste_of_item = rng.permutation(np.arange(n_items) % n_tastes).astype(np.int32)
    created = _created(taste_of_item, days=days, rng=rng)
    prices = np.round(rng.lognormal(2.0, 0.6, n_items), 2)
    items = _items(taste_of_item, created, prices, rng=rng)
    shelf = _Shelf(
        ids=items["item_id"].to_list(),
        taste=taste_of_item,
        created=created,
        price=prices,
        appeal=np.where(created > START, 2.0, 1.0) * rng.uniform(0.5, 1.5, n_items),
    )
    rows = [row for u, taste in enumerate(taste_of_user) for row in _visits(u, int(taste), shelf, days=days, rng=rng)]
    schema = {"user_id": pl.String(), "item_id": pl.String(), "event": pl.String(), "timestamp": pl.Int64()}
    events = pl.DataFrame(rows, schema=schema | {"value": pl.Float64()}, orient="row")
    events = events.with_columns(pl.col("timestamp").cast(UTC_US)).sort("timestamp", "user_id", "item_id", "event")
    return World(items=items, events=events, taste_of_user=taste_of_user, taste_of_item=taste_of_item)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    """What visitors see: (n_items,) arrays in item order; `created` in µs, the start for items always there."""

    ids: Sequence[str]
    taste: IntArray
    created: LongArray
    price: DoubleArray
    appeal: DoubleArray


def _created(taste_of_item: IntArray, *, days: int, rng: np.random.Generator) -> LongArray:
    """One item in six, at least one per taste, arrives between 90 % and 95 % of the log."""
    created = np.full(len(taste_of_item), START, np.int64)
    for taste in range(int(taste_of_item.max()) + 1):
        own = np.flatnonzero(taste_of_item == taste)
        late = rng.choice(own, max(1, len(own) // 6), replace=False)
        created[late] = START + (days * DAY * rng.uniform(0.9, 0.95, len(late))).astype(np.int64) // SECOND * SECOND
    return created


def _items(
    taste_of_item: IntArray,
    created: LongArray,
    prices: DoubleArray,
    *,
    rng: np.random.Generator,
) -> pl.DataFrame:
    tastes = list(WORDS)
    rows = []
    for i, taste in enumerate(taste_of_item):
        first, second, third = rng.choice(WORDS[tastes[taste]], 3, replace=False)
        common = rng.choice(_COMMON)
        rows.append(
            {
                "item_id": f"i{i:05d}",
                "title": f"{common} {first} {second}",
                "description": f"Goes well with {third} and {first}.",
                "category": tastes[taste],
                "brand": str(rng.choice(_BRANDS)),
                "tags": [str(common)],
                "price": float(prices[i]),
                "created_at": int(created[i]) if created[i] > START else None,
                "available_from": None,
                "available_until": None,
            }
        )
    instants = [c for c, dtype in ITEM_COLUMNS.items() if dtype == UTC_US]
    loose = {c: pl.Int64() if c in instants else dtype for c, dtype in ITEM_COLUMNS.items()}
    return pl.DataFrame(rows, schema=loose).with_columns(pl.col(instants).cast(UTC_US))


def _visits(
    user: int, taste: int, shelf: _Shelf, *, days: int, rng: np.random.Generator
) -> list[tuple[str, str, str, int, float | None]]:
    """(user_id, item_id, event, µs, value) of one user's 12 to 16 visits."""
    user_id = f"u{user:05d}"
    bought: list[int] = []
    rows: list[tuple[str, str, str, int, float | None]] = []
    n_visits = int(rng.integers(12, 17))
    for at in START + np.sort(rng.integers(0, days * 86_400, n_visits)) * SECOND:
        wanted = (shelf.taste == taste) != (rng.random() < _OFF_TASTE)
        appeal = shelf.appeal * (wanted if wanted.any() else 1) * (shelf.created <= at)
        clicked = rng.choice(len(appeal), _CLICKS, p=appeal / appeal.sum())
        item = int(rng.choice(bought)) if bought and rng.random() < _REPEAT else int(clicked[-1])
        bought.append(item)
        clicks = [(user_id, shelf.ids[j], "click", int(at) + 20 * n * SECOND, None) for n, j in enumerate(clicked)]
        price = float(np.round(shelf.price[item] * rng.integers(1, 4), 2))
        rows += [*clicks, (user_id, shelf.ids[item], "purchase", int(at) + 60 * SECOND, price)]
    return rows
