"""How far what a night brings differs from what came before it: told, and never a reason to stop."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.storage import write_json
from recsys.evaluation.table import aligned
from recsys.ranking.reference import Histogram, count
from recsys.schema import FloatArray

FILE = "drift.json"

TIMES = 10
"""So many times as many events as are new, the latest before them, are what they are compared with."""

MOST = 20
"""Values of a column that are told apart, the most frequent before; all others are one."""

_NAMED = {"event": "event", "hour": "hour of day, UTC", "category": "item's category", "brand": "item's brand"}
_KEY = ("user_id", "item_id", "event", "timestamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """One column.

    Attributes:
        psi: population stability index; below .1 little has changed, above .25 much.
        chance: what it is on average where nothing has.
    """

    psi: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What is new beside what came before it.

    Attributes:
        events: how many are new.
        against: how many before them they are compared with.
        new_users: share of the new events whose user has none in the earlier input.
        new_items: share of the new events whose item has none in the earlier input.
        columns: what is compared → how far it has moved; empty where nothing is new.
    """

    events: int
    against: int
    new_users: float
    new_items: float
    columns: Mapping[str, Distance]

    @classmethod
    def between(cls, before: Path, after: Path) -> "Drift":
        """Of two inputs, as `intake.take` writes them."""
        old = pl.read_parquet(before / "events.parquet")
        new = pl.read_parquet(after / "events.parquet").join(old, on=_KEY, how="anti")
        items = pl.read_parquet(after / "items.parquet").select("item_id", "category", "brand", "price")
        latest = old.sort("timestamp").tail(TIMES * new.height)
        return cls(
            events=new.height,
            against=latest.height,
            new_users=_unknown(new["user_id"], old["user_id"]),
            new_items=_unknown(new["item_id"], old["item_id"]),
            columns=_distances(_described(latest, items), _described(new, items)) if new.height else {},
        )

    def save(self, directory: Path) -> None:
        """Write drift.json into an existing directory."""
        write_json(directory / FILE, asdict(self))

    def table(self) -> str:
        """For people."""
        rows = [["what came differs in", "PSI", "by chance"]]
        rows += [[name, f"{each.psi:.3f}", f"{each.chance:.3f}"] for name, each in self.columns.items()]
        shares = f"{self.new_users:.1%} of new users, {self.new_items:.1%} on new items"
        return f"{self.events} new events, {shares}\n{aligned(rows)}" if self.columns else "no new events"


def _unknown(new: pl.Series, old: pl.Series) -> float:
    return 1 - len(new.filter(new.is_in(old.unique().implode()))) / len(new) if len(new) else 0.0


def _described(events: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """event, hour, category, brand as text and price as float64, a row for each event."""
    joined = events.join(items, on="item_id", how="left", maintain_order="left")
    return joined.select("event", "category", "brand", "price", hour=pl.col("timestamp").dt.hour().cast(pl.String))


def _distances(old: pl.DataFrame, new: pl.DataFrame) -> dict[str, Distance]:
    found = {title: _apart(old[name], new[name]) for name, title in _NAMED.items()}
    prices = [table["price"].cast(pl.Float32).fill_null(np.nan).to_numpy() for table in (old, new)]
    return found | {"item's price": _distance(Histogram.of(prices[0]), prices[1])}


def _apart(old: pl.Series, new: pl.Series) -> Distance:
    """By names: the most frequent, all others, and none."""
    names = old.drop_nulls().value_counts(sort=True).sort("count", old.name, descending=[True, False])[old.name][:MOST]
    edges = np.arange(len(names), dtype=np.float64) + 0.5
    codes = {name: code for code, name in enumerate(names)}
    first, second = (
        each.replace_strict(codes, default=len(names), return_dtype=pl.Float32)
        .set(each.is_null(), None)
        .fill_null(np.nan)
        .to_numpy()
        for each in (old, new)
    )
    return _distance(Histogram(edges=edges, counts=count(first, edges)), second)


def _distance(before: Histogram, values: FloatArray) -> Distance:
    counts = count(values, before.edges)
    bins = int(((before.counts > 0) | (counts > 0)).sum())
    chance = (bins - 1) * (1 / max(before.counts.sum(), 1) + 1 / max(counts.sum(), 1))
    return Distance(psi=before.distance(counts), chance=float(chance))
