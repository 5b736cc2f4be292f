"""A shop's two tables as they came."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLog:
    """A shop's tables before any row is judged.

    Attributes:
        items: some of `schema.ITEM_COLUMNS`, of any type.
        events: some of `schema.EVENT_COLUMNS`, of any type, event names already mapped to roles.
        filtered: rule → number of rows that the source itself left out, such as cancellations.
        timezone: IANA zone of timestamps written without one; None refuses them.
        unread: table → its columns that the plain form does not know.
    """

    items: pl.DataFrame
    events: pl.DataFrame
    filtered: Mapping[str, int] = field(default_factory=dict)
    timezone: str | None = None
    unread: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def write_plain(raw: RawLog, directory: Path) -> None:
    """Write a log as `items.parquet` and `events.parquet`, with `filtered.json` where a source left rows out."""
    raw.items.write_parquet(directory / "items.parquet")
    raw.events.write_parquet(directory / "events.parquet")
    if raw.filtered:
        (directory / "filtered.json").write_text(json.dumps(dict(raw.filtered), indent=1) + "\n")
