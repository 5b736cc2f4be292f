"""What a directory holds, before anybody spends an hour training on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from recsys.data.advice import advice
from recsys.data.config import DataConfig, QualityConfig, SplitConfig
from recsys.data.formats import read_directory
from recsys.data.prepare import prepare
from recsys.data.quality import CleanLog, sift
from recsys.data.raw_log import RawLog
from recsys.schema import DAY, ITEM_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Malformed rows of one table that share a reason.

    Attributes:
        table: "items" or "events".
        column: the first column found wanting.
        reason: why.
        rows: how many.
        first_row: the first of them, counted from 1.
    """

    table: str
    column: str
    reason: str
    rows: int
    first_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A log in figures.

    Attributes:
        rows: table → rows read.
        columns: table → its columns of the plain form, with the types they came in.
        filtered: rule → rows that the source left out.
        findings: what is malformed, most frequent first.
        rejected: table → malformed fraction.
        accepted: whether both fractions keep to quality.max_reject_fraction.
        unknown_items: fraction of events on items that the items table lacks.
        users, items, active_items: valid users with an event, items, items with an event.
        events: role → valid events.
        sparsity: fraction of (user, item with an event) pairs without an event.
        first, last: instants of the first and last valid event, UTC; None without one.
        clock: "real", or "order" where timestamps are evenly spaced and only their order is used.
        filled: column of the items → fraction of items that have it.
        without_text: fraction of items with no text at all.
        unread: table → columns of it that nobody reads.
        notes: what was assumed while reading.
        advice: what the log lets one expect, and what to do about it.
    """

    rows: Mapping[str, int]
    columns: Mapping[str, Mapping[str, str]]
    filtered: Mapping[str, int]
    findings: tuple[Finding, ...]
    rejected: Mapping[str, float]
    accepted: bool
    unknown_items: float
    users: int
    items: int
    active_items: int
    events: Mapping[str, int]
    sparsity: float
    first: datetime | None
    last: datetime | None
    clock: str
    filled: Mapping[str, float]
    without_text: float
    unread: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    advice: tuple[str, ...]


def check(
    path: Path,
    *,
    data: DataConfig | None = None,
    quality: QualityConfig | None = None,
    split: SplitConfig | None = None,
) -> Check:
    """Read a directory as a run would, and describe it, however many rows are malformed; errors as of `sift`.

    Raises:
        SchemaError: a file or column is missing, unreadable or of a wrong type, or a table is empty.
    """
    data, quality = data or DataConfig(), quality or QualityConfig()
    raw = read_directory(path, data.mapping)
    return describe(raw, sift(raw), data=data, quality=quality, split=split or SplitConfig())


def describe(raw: RawLog, log: CleanLog, *, data: DataConfig, quality: QualityConfig, split: SplitConfig) -> Check:
    """The figures of a log that has been read."""
    catalog, interactions = prepare(log, data=data)
    users, active = log.events["user_id"].n_unique(), log.events["item_id"].n_unique()
    pairs = log.events.select(pl.struct("user_id", "item_id").n_unique()).item()
    rejected = {table: log.rejected(table) for table in log.rows}
    findings = _findings(log.rejects)
    unknown = sum(f.rows for f in findings if (f.table, f.column, f.reason) == ("events", "item_id", "not in items"))
    times = log.events["timestamp"].sort()
    return Check(
        rows=log.rows,
        columns={"items": _types(raw.items), "events": _types(raw.events)},
        filtered=log.filtered,
        findings=findings,
        rejected=rejected,
        accepted=max(rejected.values()) <= quality.max_reject_fraction,
        unknown_items=unknown / log.rows["events"],
        users=users,
        items=len(catalog),
        active_items=active,
        events=dict(log.events["event"].value_counts(sort=True).iter_rows()),
        sparsity=1 - pairs / max(1, users * active),
        first=times[0] if len(times) else None,
        last=times[-1] if len(times) else None,
        clock="real" if interactions.day == DAY else "order",
        filled={c: 1 - log.items[c].null_count() / max(1, len(log.items)) for c in ITEM_COLUMNS if c in raw.items},
        without_text=catalog.items.select((pl.col("text") == "").sum()).item() / max(1, len(catalog)),
        unread=raw.unread,
        notes=log.notes,
        advice=advice(log, catalog, interactions, split=split),
    )


def _types(table: pl.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in table.schema.items()}


def _findings(rejects: pl.DataFrame) -> tuple[Finding, ...]:
    counts = rejects.group_by("table", "column", "reason").agg(
        pl.len().alias("rows"), pl.col("row").min().alias("first_row")
    )
    order = counts.sort("rows", "table", "column", "reason", descending=[True, False, False, False])
    return tuple(Finding(**row) for row in order.iter_rows(named=True))
