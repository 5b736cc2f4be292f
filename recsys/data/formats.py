"""From files to two tables with the plain form's column names, their types still as they came."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import polars as pl

from recsys.data import amazon_reviews, atomic, mind, movielens
from recsys.data.columns import read_column
from recsys.data.config import MappingConfig
from recsys.data.instants import iso
from recsys.data.plain_files import has_events, read_plain
from recsys.data.policy_log import PolicyLog, is_log
from recsys.data.raw_log import RawLog
from recsys.errors import SchemaError
from recsys.schema import EVENT_COLUMNS, ITEM_COLUMNS, UTC_US

_OTHERS: tuple[tuple[Callable[[Path], bool], Callable[[Path], RawLog]], ...] = (
    (atomic.found, atomic.read),
    (mind.found, mind.read),
    (amazon_reviews.found, amazon_reviews.read),
    (movielens.found, movielens.read),
)


def read_directory(path: Path, mapping: MappingConfig | None = None) -> RawLog:
    """Read `items` and `events` (parquet, csv or jsonl, looked for in this order), or files as others publish them.

    Those are RecBole's, MIND's, Amazon Reviews 2023's and MovieLens'. Where the folders of a policy log stand in place
    of the table, events are the log's, with the places of its answers. Text in place of tags is cut at `|`.
    `filtered.json` beside the tables, if any, holds the counts of `RawLog.filtered`.

    Raises:
        SchemaError: a file or a mapped column is missing, or a file cannot be read.
        ArtifactError: a file of a policy log is not one of its tables.
    """
    mapping = mapping or MappingConfig()
    if not path.is_dir():
        raise SchemaError(
            f"Expected a directory with items and events at {path}, found {'a file' if path.exists() else 'nothing'}; "
            "give a directory in the plain form or the name of a source (recsys data list)."
        )
    raw = _read(path, mapping)
    items = _plain(raw.items, ITEM_COLUMNS, mapping.items, table_name="items")
    events = _plain(raw.events, EVENT_COLUMNS, mapping.events, table_name="events")
    timezone = mapping.timezone or raw.timezone
    if mapping.time_format is not None:
        items, events = (_dated(table, mapping.time_format) for table in (items, events))
    if mapping.in_one_file and "timestamp" in events.columns and "item_id" in items.columns:
        items = _first_told(items, events["timestamp"], timezone)
    unread = {
        "items": _unread(raw.items, ITEM_COLUMNS, mapping.items),
        "events": _unread(raw.events, EVENT_COLUMNS, mapping.events),
    }
    return RawLog(
        items=_tagged(items),
        events=_roles(events, mapping),
        filtered=raw.filtered,
        timezone=timezone,
        unread={table: columns for table, columns in unread.items() if columns},
    )


def _read(path: Path, mapping: MappingConfig) -> RawLog:
    filtered = _filtered(path / "filtered.json")
    if not has_events(path, mapping):
        for found, read in _OTHERS:
            if found(path):
                return read(path)
        if is_log(path):
            events = PolicyLog.load(path).placed_events()
            return RawLog(items=read_plain(path, "items", mapping), events=events, filtered=filtered)
    tables = {table: read_plain(path, table, mapping) for table in ("items", "events")}
    return RawLog(items=tables["items"], events=tables["events"], filtered=filtered)


def _plain(table: pl.DataFrame, columns: Iterable[str], names: Mapping[str, str], *, table_name: str) -> pl.DataFrame:
    for plain, source in names.items():
        if plain not in columns:
            raise SchemaError(
                f"data.mapping.{table_name}: expected a column of the plain form, got {plain!r}; "
                f"its columns are {', '.join(columns)}."
            )
        if source not in table.columns:
            raise SchemaError(
                f"data.mapping.{table_name}: expected a column {source!r}, the table has {', '.join(table.columns)}."
            )
    chosen = {c: names.get(c, c) for c in columns}
    return table.select(pl.col(source).alias(c) for c, source in chosen.items() if source in table.columns)


def _unread(table: pl.DataFrame, columns: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    read = {names.get(column, column) for column in columns}
    return tuple(column for column in table.columns if column not in read)


def _dated(table: pl.DataFrame, form: str) -> pl.DataFrame:
    """Text in columns of times, where it is of this form, as ISO 8601."""
    wanted = ITEM_COLUMNS | EVENT_COLUMNS
    times = [c for c in table.columns if wanted[c] == UTC_US and table[c].dtype == pl.String]
    return table.with_columns(iso(pl.col(column), form) for column in times)


def _first_told(items: pl.DataFrame, times: pl.Series, timezone: str | None) -> pl.DataFrame:
    """Of items that a log tells again in each row, what the first row in time told."""
    at = read_column(times, UTC_US, where="events.timestamp", timezone=timezone).values
    first = items.with_columns(at.alias("?at")).sort("?at", nulls_last=True, maintain_order=True)
    return first.drop("?at").unique("item_id", keep="first", maintain_order=True)


def _tagged(items: pl.DataFrame) -> pl.DataFrame:
    text = "tags" in items.columns and items["tags"].dtype == pl.String
    return items.with_columns(pl.col("tags").str.split("|")) if text else items


def _roles(events: pl.DataFrame, mapping: MappingConfig) -> pl.DataFrame:
    if "event" not in events.columns and mapping.event is not None:
        events = events.with_columns(event=pl.lit(mapping.event))
    if "event" not in events.columns or events["event"].dtype.is_nested() or not mapping.roles:
        return events
    return events.with_columns(pl.col("event").cast(pl.String).replace(mapping.roles))


def _filtered(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    try:
        return {str(rule): int(n) for rule, n in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise SchemaError(f"{path}: expected an object of counts ({error}); delete it or write it again.") from error
