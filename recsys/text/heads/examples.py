"""Labelled texts and tagged sentences, read from files with every row's place kept for the error that names it."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recsys.data.storage import UNREADABLE, first_line
from recsys.errors import SchemaError
from recsys.text.heads.bio import is_tag

CONLL = (".txt", ".conll", ".bio", ".iob", ".iob2")
"""File endings of one word a line, the tag in the last column, and an empty line between sentences."""

_DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Texts with one label each.

    Attributes:
        texts: each holds at least one word.
        labels: as many, or none where the file has none.
        places: file and line (parquet: row) of each text.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    places: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """Sentences of words with one tag a word.

    Attributes:
        words: each sentence holds at least one.
        tags: O, B-type or I-type, as many as words in each sentence; or none where the file has none.
        places: file and line (parquet: row) of each sentence's start.
    """

    words: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...]
    places: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)


def read_texts(path: Path, *, labelled: bool) -> Texts:
    """Parquet, CSV, TSV or JSONL with the columns text and, if `labelled`, label.

    Raises:
        SchemaError: no rows, a missing column, or a text without words.
    """
    texts, labels, places = [], [], []
    for place, row in _rows(path):
        text = _field(row, "text", place)
        if not str(text or "").strip():
            raise SchemaError(f"{place}: expected a text with at least one word, got {text!r}; leave the row out.")
        label = _field(row, "label", place) if labelled else None
        if labelled and str("" if label is None else label).strip() == "":
            raise SchemaError(f"{place}: expected a label, got {label!r}; label the row or leave it out.")
        texts.append(str(text))
        labels.append(str(label))
        places.append(place)
    _some(texts, path)
    return Texts(texts=tuple(texts), labels=tuple(labels) if labelled else (), places=tuple(places))


def read_sentences(path: Path, *, tagged: bool) -> Sentences:
    """CoNLL columns, or JSONL or Parquet with the columns words and, if `tagged`, tags.

    Raises:
        SchemaError: no sentences, another number of tags than words, or a tag that is none.
    """
    words, tags, places = [], [], []
    conll = path.suffix.lower() in CONLL
    for place, row in _sentences(path) if conll else _rows(path):
        found = _strings(row, "words", place)
        if not found or not all(word.strip() for word in found):
            raise SchemaError(f"{place}: expected words, none of them empty, got {found!r}; leave the sentence out.")
        own = _strings(row, "tags", place) if tagged else ()
        if tagged and len(own) != len(found):
            raise SchemaError(
                f"{place}: expected one tag a word, got {len(own)} tags for {len(found)} words; align them."
            )
        for offset, tag in enumerate(own):
            _check(tag, found[offset], place)
        words.append(found)
        tags.append(own)
        places.append(place)
    _some(words, path)
    return Sentences(words=tuple(words), tags=tuple(tags) if tagged else (), places=tuple(places))


def _check(tag: str, word: str, place: str) -> None:
    if not is_tag(tag):
        raise SchemaError(f"{place}: expected the tag O, B-type or I-type for {word!r}, got {tag!r}; write it so.")


def _some(rows: Sequence[object], path: Path) -> None:
    if not rows:
        raise SchemaError(f"Expected examples in {path}, found none; give a file with at least one row.")


def _field(row: dict[str, Any], name: str, place: str) -> Any:
    if name not in row:
        got = ", ".join(map(str, row)) or "nothing"
        raise SchemaError(f"{place}: expected a column {name!r}, got {got}; name the column so.")
    return row[name]


def _strings(row: dict[str, Any], name: str, place: str) -> tuple[str, ...]:
    value = _field(row, name, place)
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise SchemaError(f"{place}: expected {name} as a list of strings, got {value!r}; write it so.")
    return tuple(value)


def _sentences(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sentences of CoNLL columns, with the place of the first word."""
    words: list[str] = []
    tags: list[str] = []
    start = 0
    for number, line in _lines(path):
        columns = line.split()
        if not columns or columns[0] == _DOCUMENT:
            if words:
                yield f"{path}, line {start}", {"words": words, "tags": tags}
            words, tags = [], []
            continue
        place = f"{path}, line {number}"
        if len(columns) < 2:
            raise SchemaError(f"{place}: expected a word and its tag, got {line.strip()!r}; give every word a tag.")
        _check(columns[-1], columns[0], place)
        start = number if not words else start
        words.append(columns[0])
        tags.append(columns[-1])
    if words:
        yield f"{path}, line {start}", {"words": words, "tags": tags}


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    ending = path.suffix.lower()
    if ending == ".parquet":
        try:
            table = pl.read_parquet(path)
        except UNREADABLE as error:
            raise SchemaError(f"{path} cannot be read as parquet: {first_line(error)}; write it again.") from error
        for number, row in enumerate(table.iter_rows(named=True), 1):
            yield f"{path}, row {number}", row
    elif ending == ".jsonl":
        for number, line in _lines(path):
            if line.strip():
                yield f"{path}, line {number}", _object(line, f"{path}, line {number}")
    elif ending in (".csv", ".tsv"):
        yield from _table(path, "," if ending == ".csv" else "\t")
    else:
        raise SchemaError(
            f"Expected {path} as .parquet, .csv, .tsv or .jsonl, or tagged words as {', '.join(CONLL)}; rename it."
        )


def _table(path: Path, separator: str) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0

    def lines() -> Iterator[str]:
        nonlocal number
        for number, line in _lines(path):  # noqa: B007
            yield line

    # a TSV's quotes are text: its fields hold no line breaks that they would have to protect
    reader = csv.reader(lines(), delimiter=separator, quoting=csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE)
    header = next(reader, [])
    for cells in reader:
        if not cells:
            continue
        place = f"{path}, line {number}"
        if len(cells) != len(header):
            raise SchemaError(f"{place}: expected {len(header)} fields, got {len(cells)}; quote or mend the line.")
        yield place, dict(zip(header, cells, strict=True))


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SchemaError(f"{place}: expected one JSON object, got {line[:40]!r}; write one object a line.")
    return value


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from enumerate(lines, 1)
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"Cannot read {path}: {error}; expected a file with text as UTF-8.") from error
