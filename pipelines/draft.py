"""A settings file to begin with: every setting with its meaning, commented out, and a draft of the mapping."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipelines.console import err
from recsys.data.config import MappingConfig
from recsys.data.dialect import Dialect
from recsys.data.guess import Guess, guess
from recsys.data.plain_files import has_events, read_plain
from recsys.errors import SchemaError, UsageError
from recsys.settings import Settings

_WIDTH = 100
_HEAD = """\
# Settings of recsys. What is commented out stands at its default; take the # away to change it.
# The command line (--set section.key=value) and RECSYS_SECTION__KEY variables go before this file.
"""


def draft(data: Path | None, out: Path) -> None:
    """Write a settings file that is all comments, but for what the columns in `data` seem to be.

    Args:
        data: a directory with a shop's tables; the mapping is left to the reader if None.
        out: a file that does not exist yet.

    Raises:
        UsageError: `out` exists, or cannot be written.
        SchemaError: `data` holds no tables, or they cannot be read.
    """
    if out.exists():
        raise UsageError(f"Expected --out as a new file, {out} exists; choose another, or move it away.")
    drafted = [] if data is None else _mapping(data)
    text = "\n".join([_HEAD, *_sections(Settings(), (), drafted=drafted)])
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"Cannot write {out}: {error.strerror}; choose another --out.") from error
    err.print(f"Wrote {out}; next: recsys data check {data or 'DIR'} --config {out}", markup=False)


def _mapping(data: Path) -> list[str]:
    """The lines of data.mapping, as the files' and columns' names suggest it."""
    if not data.is_dir():
        raise SchemaError(f"Expected --data as a directory with a shop's tables, found nothing at {data}.")
    files = _files(data)
    written = _written(data, files)
    mapping = MappingConfig.model_validate({"files": files} | written)
    columns = {table: _columns(data, table, mapping) for table in ("items", "events")}
    found = guess(columns["items"], columns["events"])
    lines = ["# Drafted from the names of files and columns: read it before you trust it."]
    if files:
        lines.append(f"files = {_toml(files)}")
    lines += [f"{name} = {_toml(value)}" for name, value in written.items()]
    lines += [
        f"{table} = {_toml(names)}" for table, names in (("items", found.items), ("events", found.events)) if names
    ]
    return [*lines, *_left(found, columns), *_forms(found), "# Of the same settings, what they mean:"]


def _files(data: Path) -> dict[str, str]:
    """Both tables as the one file, where there is one only and it has another name."""
    tables = sorted(path.name for path in data.iterdir() if path.suffix.lower() in (".csv", ".jsonl", ".parquet"))
    if len(tables) != 1:
        return {}
    return {"items": tables[0], "events": tables[0]}


def _written(data: Path, files: Mapping[str, str]) -> dict[str, str]:
    """How the CSV of events is written, where it is not as the defaults are."""
    table = data / files.get("events", "events.csv")
    if table.suffix.lower() != ".csv" or not table.is_file():
        return {}
    found, plain = asdict(Dialect.of(table)), asdict(Dialect())
    return {name: value for name, value in found.items() if value != plain[name]}


def _columns(data: Path, table: str, mapping: MappingConfig) -> Sequence[str]:
    if not mapping.files and not has_events(data, mapping):
        raise SchemaError(
            f"Expected items and events, or one table of both, as .parquet, .csv or .jsonl in {data}; files of MIND, "
            "RecBole, Amazon Reviews 2023 and MovieLens need no mapping."
        )
    return read_plain(data, table, mapping).columns


def _left(found: Guess, columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What a person has to say."""
    for place in found.missing:
        table, column = place.split(".")
        if column == "event":
            yield 'event = "purchase"  # what every row means, as there seems to be no column that tells'
        else:
            yield f"# {place} is missing; the columns of {table} are {', '.join(columns[table])}"


def _forms(found: Guess) -> Iterator[str]:
    """A line to fill in for each table of which nothing is known."""
    wanted: dict[str, dict[str, str]] = {}
    for place in found.missing:
        table, column = place.split(".")
        if column != "event":
            wanted.setdefault(table, {})[column] = "?"
    if "items" in wanted:
        wanted["items"]["title"] = "?"
    known = {"items": found.items, "events": found.events}
    yield from (f"# {table} = {_toml(columns)}" for table, columns in wanted.items() if not known[table])


def _sections(model: BaseModel, path: tuple[str, ...], *, drafted: Sequence[str]) -> Iterator[str]:
    """Sections in the order of `Settings`, their headers in force; a group's own settings go before its groups.

    A group whose defaults differ from its kind's, such as the second of two alike, is in force as a whole.
    """
    mark = "# " if model == type(model)() else ""
    fields = type(model).model_fields
    plain = [name for name in fields if not isinstance(getattr(model, name), BaseModel)]
    if plain and path:
        yield f"[{'.'.join(path)}]"
    if path == ("data", "mapping"):
        yield from drafted
    for name in plain:
        about = fields[name].description or name
        yield from textwrap.wrap(about, _WIDTH, initial_indent="# ## ", subsequent_indent="# ## ")
        value = getattr(model, name)
        yield f"{mark}{name} = {_toml(value)}" if value is not None else f"# ## {name} is not set."
    if plain:
        yield ""
    for name in fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _sections(value, (*path, name), drafted=drafted)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # whose text, numbers and truth values are TOML's


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").isalnum() else json.dumps(name, ensure_ascii=False)
