"""RecBole's atomic files: *.item and *.inter, separated by tabs, columns named `name:type`."""

from pathlib import Path

import polars as pl

from recsys.data.raw_log import RawLog
from recsys.data.tables import read_table

_NAMES = {"movie_title": "title", "genre": "category", "class": "category", "categories": "category"}


def found(path: Path) -> bool:
    """Whether the directory holds such files."""
    return any(path.glob("*.inter"))


def read(path: Path) -> RawLog:
    """The first *.inter by name, with its *.item; errors as of `read_table`.

    Ratings become `rating` events, a year is put behind the title.
    """
    events = min(path.glob("*.inter"))
    items, log = read_table(_tabs, events.with_suffix(".item")), read_table(_tabs, events)
    items = items.rename({c: _NAMES[c] for c in items.columns if c in _NAMES})
    if {"title", "release_year"} <= set(items.columns):
        items = items.with_columns(title=pl.format("{} ({})", "title", "release_year"))
    if "rating" in log.columns:
        log = log.rename({"rating": "value"}).with_columns(event=pl.lit("rating"))
    return RawLog(items=items, events=log)


def _tabs(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None)
    return table.rename({c: c.strip().split(":")[0] for c in table.columns})
