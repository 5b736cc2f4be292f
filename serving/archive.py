"""The policy log's Parquet files: made of segments, rewritten without the erased, deleted when old.

Whoever calls holds the log's lock: one writer at a time, of all threads and processes.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import polars as pl

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, FEATURES, TABLES
from recsys.data.storage import UNREADABLE
from recsys.schema import UTC_US, Instant
from serving.line import LINE
from serving.segment import ENDING, taken

Forgotten: TypeAlias = Callable[[str], Instant | None]
"""From a user_id to when everything before was erased; None if never."""

MERGED = 32
"""Small files that become one: a minute's rows are few, and who reads the log opens every file."""

_SMALL = 16 * 2**20
_UNFINISHED = ".writing"
_PARTS = "recsys.parts"
_LOG = logging.getLogger(__name__)


class Archive:
    """The tables of one log."""

    def __init__(self, directory: Path, *, forgotten: Forgotten) -> None:
        """Make the folders that are missing.

        Args:
            directory: of the log.
            forgotten: tells who was erased; what it raises keeps a segment from being archived.

        Raises:
            OSError: they cannot be made.
        """
        self._directory, self._forgotten = directory, forgotten
        for name in TABLES:
            (directory / name).mkdir(parents=True, exist_ok=True)

    def take(self, path: Path) -> bool:
        """Put the lines of a segment that nobody owns into the tables, and delete it; whether that was done.

        Done again after it was interrupted, it writes the same files again.
        """
        with taken(path) as content:
            if content is None:
                return False
            mtime = path.stat().st_mtime_ns
            for name, table in self._tables(_lines(content)).items():
                write(table, self._directory / name / f"{path.name.removesuffix(ENDING)}.parquet", mtime)
            path.unlink()
        return True

    def erase(self, user_id: str) -> None:
        """Rewrite the files that hold rows of a user without them."""
        self._settle()
        for path in self._files():
            if (pl.read_parquet(path, columns=["user_id"])["user_id"] == user_id).any():
                left = pl.read_parquet(path).filter(pl.col("user_id").ne_missing(user_id))
                write(left, path, path.stat().st_mtime_ns)

    def expire(self, before: int) -> None:
        """Delete the files whose last row was written before an instant of the machine's clock, in ns."""
        for path in self._files():
            if path.stat().st_mtime_ns < before:
                path.unlink()

    def merge(self) -> None:
        """Make one file of MERGED small ones, the oldest first, while there are so many.

        Where it is interrupted, rows stand in two files until it is called again: `PolicyLog` tells each once.
        """
        self._settle()
        for name in TABLES:
            small = [
                path for path in sorted((self._directory / name).glob("*.parquet")) if path.stat().st_size < _SMALL
            ]
            for first in range(0, len(small) - MERGED + 1, MERGED):
                parts = small[first : first + MERGED]
                unfinished = parts[0].with_name(f"{parts[0].stem}+{_UNFINISHED}")
                pl.concat([pl.scan_parquet(part) for part in parts], how="diagonal").sink_parquet(
                    unfinished, metadata={_PARTS: json.dumps([part.name for part in parts])}
                )
                _put(unfinished, max(part.stat().st_mtime_ns for part in parts))
                for part in parts:
                    part.unlink()

    def _settle(self) -> None:
        """Delete the parts of what was merged, where that was interrupted."""
        for name in TABLES:
            for path in (self._directory / name).glob("*+.parquet"):
                for part in json.loads(pl.read_parquet_metadata(path).get(_PARTS, "[]")):
                    path.with_name(part).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete what somebody began to write and did not end."""
        for name in TABLES:
            for path in (self._directory / name).glob(f"*{_UNFINISHED}"):
                path.unlink()

    def _files(self) -> Iterator[Path]:
        for name in TABLES:
            yield from sorted((self._directory / name).glob("*.parquet"))

    def _tables(self, lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
        posts = lines.filter(pl.col("events").is_not_null()).select(posted="at", event="events").explode("event")
        posts = posts.unnest("event").with_columns(first=pl.min_horizontal("posted", "at"))
        answers = lines.filter(pl.col("events").is_null())
        users = pl.concat([posts["user_id"], answers["user_id"]]).drop_nulls().unique()
        gone = pl.DataFrame(
            {"user_id": users, "forgotten": [self._forgotten(user) for user in users]},
            schema={"user_id": pl.String, "forgotten": pl.Int64},
        ).drop_nulls()
        answers, posts = _known(answers, gone, at="at"), _known(posts, gone, at="first")
        answers = answers.with_columns(pl.col("at").cast(UTC_US))
        return {
            "answers": _answers(answers),
            "candidates": _candidates(answers),
            "features": _features(answers),
            "events": posts.with_columns(pl.col("posted").cast(UTC_US), timestamp=pl.col("at").cast(UTC_US)).select(
                *EVENTS
            ),
        }


def write(table: pl.DataFrame, path: Path, mtime: int) -> None:
    """Put a table at `path` in one step, durably; an empty one is no file.

    Args:
        table: the rows.
        path: where.
        mtime: when the last row was written, ns since the epoch.

    Raises:
        OSError, polars.exceptions.PolarsError: it cannot be written; what was there still is.
    """
    if table.is_empty():
        path.unlink(missing_ok=True)
        return
    unfinished = path.with_suffix(_UNFINISHED)
    table.write_parquet(unfinished)
    _put(unfinished, mtime)


def _put(unfinished: Path, mtime: int) -> None:
    """Let a file that is written take its place, durably."""
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    os.utime(unfinished, ns=(mtime, mtime))
    unfinished.replace(unfinished.with_suffix(".parquet"))
    folder = os.open(unfinished.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lines(content: bytes) -> pl.DataFrame:
    """The lines of a segment; those that cannot be read are passed over, and told."""
    try:
        read = pl.read_ndjson(content, schema=LINE) if content else pl.DataFrame(schema=LINE)
    except UNREADABLE:
        read = pl.concat([pl.DataFrame(schema=LINE), *map(_line, content.split(b"\n"))])
    good = read.filter(pl.col("at").is_not_null())
    if len(good) < (n := content.count(b"\n")):
        _LOG.error("%d of %d lines of the policy log cannot be read; is the disk well?", n - len(good), n)
    return good


def _line(line: bytes) -> pl.DataFrame:
    try:
        return pl.read_ndjson(line, schema=LINE) if line else pl.DataFrame(schema=LINE)
    except UNREADABLE:
        return pl.DataFrame(schema=LINE)


def _known(rows: pl.DataFrame, gone: pl.DataFrame, *, at: str) -> pl.DataFrame:
    """Without what was so when its user was forgotten."""
    joined = rows.join(gone, on="user_id", how="left", maintain_order="left")
    return joined.filter(pl.col("forgotten").is_null() | (pl.col(at) > pl.col("forgotten"))).drop("forgotten")


def _answers(answers: pl.DataFrame) -> pl.DataFrame:
    position = pl.int_ranges(1, pl.col("item_id").list.len() + 1, dtype=pl.Int32)
    nobody = pl.lit(None, pl.Float64).repeat_by(pl.col("propensity").list.len())
    of_each = {"position": position, "first": pl.coalesce("first", nobody)}
    places = answers.select(*(of_each[name].alias(name) if name in of_each else name for name in ANSWERS))
    return places.explode("item_id", "position", "propensity", "score", "first", empty_as_null=True)


def _candidates(answers: pl.DataFrame) -> pl.DataFrame:
    return answers.filter(pl.col("candidates").is_not_null()).unnest("candidates").select(*CANDIDATES)


def _features(answers: pl.DataFrame) -> pl.DataFrame:
    told = answers.filter(pl.col("features").is_not_null()).select("request_id", "at", "user_id", "features")
    tables = [pl.DataFrame(schema=FEATURES)]
    for rows in told.unnest("features").partition_by("names", maintain_order=True):
        names = rows["names"][0].to_list()
        columns = [pl.col("values").list.get(n).cast(pl.Float32).alias(name) for n, name in enumerate(names)]
        tables.append(rows.drop("names").explode("item_id", "values").select(*FEATURES, *columns))
    return pl.concat(tables, how="diagonal")
