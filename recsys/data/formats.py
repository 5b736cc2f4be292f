"""From files to two tables with the plain form's column names, their types still as they came."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from recsys.data.config import MappingConfig
from recsys.data.policy_log import PolicyLog, is_log
from recsys.data.storage import UNREADABLE, first_line
from recsys.errors import SchemaError
from recsys.schema import EVENT_COLUMNS, ITEM_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLog:
    """A shop's tables before any row is judged.

    Attributes:
        items: some of `schema.ITEM_COLUMNS`, of any type.
        events: some of `schema.EVENT_COLUMNS`, of any type, event names already mapped to roles.
        filtered: rule → number of rows that the source itself left out, such as cancellations.
        timezone: IANA zone of timestamps written without one; None refuses them.
    """

    items: pl.DataFrame
    events: pl.DataFrame
    filtered: Mapping[str, int] = field(default_factory=dict)
    timezone: str | None = None


def read_directory(path: Path, mapping: MappingConfig | None = None) -> RawLog:
    """Read `items` and `events` (parquet, csv or jsonl, looked for in this order), or RecBole's *.item and *.inter.

    Where the folders of a policy log stand in place of the table, events are the log's, with the places of its answers.
    In CSV, tags are separated by `|`. `filtered.json` beside the tables, if any, holds the counts of
    `RawLog.filtered`.

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
    atomic, table = sorted(path.glob("*.inter")), any((path / f"events{ending}").exists() for ending in _READERS)
    if atomic and not table:
        items, events = read_atomic(atomic[0].with_suffix(".item"), atomic[0])
    elif is_log(path) and not table:
        items, events = _read_any(path, "items"), PolicyLog.load(path).placed_events()
    else:
        items, events = _read_any(path, "items"), _read_any(path, "events")
    return RawLog(
        items=_plain(items, ITEM_COLUMNS, mapping.items, table_name="items"),
        events=_roles(_plain(events, EVENT_COLUMNS, mapping.events, table_name="events"), mapping),
        filtered=_filtered(path / "filtered.json"),
        timezone=mapping.timezone,
    )


def write_plain(raw: RawLog, directory: Path) -> None:
    """Write a log as `items.parquet` and `events.parquet`, with `filtered.json` where a source left rows out."""
    raw.items.write_parquet(directory / "items.parquet")
    raw.events.write_parquet(directory / "events.parquet")
    if raw.filtered:
        (directory / "filtered.json").write_text(json.dumps(dict(raw.filtered), indent=1) + "\n")


def read_atomic(items: Path, events: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """RecBole's tab-separated `name:type` files; ratings become `rating` events, a year is put behind the title."""
    item_table, event_table = _read(_tabs, items), _read(_tabs, events)
    item_table = item_table.rename({c: _ATOMIC_NAMES[c] for c in item_table.columns if c in _ATOMIC_NAMES})
    if {"title", "release_year"} <= set(item_table.columns):
        item_table = item_table.with_columns(title=pl.format("{} ({})", "title", "release_year"))
    if "rating" in event_table.columns:
        event_table = event_table.rename({"rating": "value"}).with_columns(event=pl.lit("rating"))
    return item_table, event_table


_ATOMIC_NAMES = {"movie_title": "title", "genre": "category", "class": "category", "categories": "category"}


def _tabs(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None)
    return table.rename({c: c.strip().split(":")[0] for c in table.columns})


def _csv(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema=False)
    tags = [pl.col("tags").str.split("|")] if "tags" in table.columns else []
    return table.with_columns(tags)


def _jsonl(path: Path) -> pl.DataFrame:
    empty = True
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line) if line.strip() else {}
            except ValueError as error:
                raise SchemaError(f"{path}, line {number}: expected one JSON object, got {line[:40]!r}.") from error
            if not isinstance(row, dict):
                raise SchemaError(f"{path}, line {number}: expected one JSON object, got {line[:40]!r}.")
            empty = empty and not row
    if empty:
        raise pl.exceptions.NoDataError
    return pl.read_ndjson(path, infer_schema_length=None)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {".parquet": pl.read_parquet, ".csv": _csv, ".jsonl": _jsonl}


def _read_any(path: Path, table: str) -> pl.DataFrame:
    for ending, reader in _READERS.items():
        if (path / f"{table}{ending}").is_file():
            return _read(reader, path / f"{table}{ending}")
    found = ", ".join(sorted(p.name for p in path.iterdir())) or "nothing"
    raise SchemaError(f"Expected {table}.parquet, .csv or .jsonl in {path}, found {found}; add the missing table.")


def _read(reader: Callable[[Path], pl.DataFrame], path: Path) -> pl.DataFrame:
    try:
        return reader(path)
    except pl.exceptions.NoDataError as error:
        raise SchemaError(f"Expected rows in {path}, found an empty file; write the table again.") from error
    except (*UNREADABLE, UnicodeDecodeError) as error:
        raise SchemaError(
            f"{path} cannot be read as {path.suffix[1:]}: {first_line(error)}; write the file again, text as UTF-8."
        ) from error


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
