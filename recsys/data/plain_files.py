"""The two tables of a directory as files: Parquet, CSV or JSONL."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from recsys.data.config import MappingConfig
from recsys.data.tables import read_table
from recsys.errors import SchemaError

_ENDINGS = (".parquet", ".csv", ".jsonl")


def has_events(path: Path, mapping: MappingConfig) -> bool:
    """Whether the table of events is there, or promised by the mapping."""
    return "events" in mapping.files or any((path / f"events{ending}").exists() for ending in _ENDINGS)


def read_plain(path: Path, table: str, mapping: MappingConfig) -> pl.DataFrame:
    """A table with the names and types of its file: the one that the mapping names, else parquet, csv or jsonl.

    Raises:
        SchemaError: there is none, or it cannot be read.
    """
    readers = _readers(mapping)
    names = [mapping.files[table]] if table in mapping.files else [f"{table}{ending}" for ending in _ENDINGS]
    for name in names:
        file = path / name
        if file.is_file():
            return read_table(readers.get(file.suffix.lower(), readers[".csv"]), file)
    wanted = f"{table}.parquet, .csv or .jsonl" if table not in mapping.files else f"{names[0]} (data.mapping.files)"
    found = ", ".join(sorted(p.name for p in path.iterdir())) or "nothing"
    raise SchemaError(f"Expected {wanted} in {path}, found {found}; add the missing table.")


def _readers(mapping: MappingConfig) -> Mapping[str, Callable[[Path], pl.DataFrame]]:
    csv = partial(pl.read_csv, separator=mapping.separator, encoding=mapping.encoding, infer_schema=False)
    return {".parquet": pl.read_parquet, ".csv": csv, ".jsonl": _jsonl}


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
