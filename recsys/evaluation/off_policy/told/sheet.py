"""What a judged ranker gives to its candidates, as a Parquet file tells it: part by part, so that texts stay few."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.storage import UNREADABLE, first_line
from recsys.errors import ArtifactError, SchemaError
from recsys.evaluation.off_policy.log.candidates import flat
from recsys.evaluation.off_policy.told.names import Names
from recsys.schema import BoolArray, DoubleArray, IntArray, LongArray

ENTRIES = 2_000_000
"""Candidates that a part has, about."""

SCORES: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "item_ids": pl.List(pl.String()),
    "scores": pl.List(pl.Float64()),
}
"""A row a request: its candidates, in any order, and the score of each; higher is better."""

_MOST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Candidates of some requests.

    Attributes:
        request: int64 (s,), numbers of the requests in the log.
        indptr: int64 (s + 1,), request[i] has the entries indptr[i]:indptr[i + 1].
        item: int32 (entries,), codes of the log's items, -1 for an item that it does not know.
        score: float64 (entries,).
    """

    request: LongArray
    indptr: LongArray
    item: IntArray
    score: DoubleArray


def requests_of(file: Path, requests: Names) -> LongArray:
    """int64 (rows,), the number that each row's request has in the log, -1 where it is none.

    Raises:
        ArtifactError: no Parquet file.
        SchemaError: a row without a request, or two rows of one.
    """
    column = collected(file, pl.scan_parquet(file).select(pl.col("request_id").cast(requests.words)))["request_id"]
    if column.null_count():
        row = int(column.is_null().arg_max() or 0) + 1
        raise SchemaError(f"{file}: expected a request_id in each row, got none in row {row}; take that row away.")
    if column.n_unique() < len(column):
        row = int(column.is_first_distinct().arg_min() or 0)
        raise SchemaError(
            f"{file}: expected one row for each request, got request {column.cast(pl.String)[row]!r} again in row "
            f"{row + 1}; keep one of them."
        )
    return requests.find(column)


def sheets(file: Path, request: LongArray, items: Names) -> Iterator[Sheet]:
    """The candidates of the requests that the log has, in the order of the file.

    Args:
        file: with the columns of `SCORES`.
        request: int64 (rows,), as `requests_of` gives it.
        items: of the log.

    Raises:
        ArtifactError: no Parquet file.
        SchemaError: lists that do not fit each other, an item twice, or a score that is no number.
    """
    table = pl.scan_parquet(file).select(list(SCORES))
    entries = int(collected(file, table.select(pl.col("item_ids").list.len().sum())).item() or 0)
    step = max(1, len(request) * ENTRIES // max(entries, 1))
    for start in range(0, len(request), step):
        yield _sheet(file, collected(file, table.slice(start, step)), start, request[start : start + step], items)


def _sheet(file: Path, part: pl.DataFrame, start: int, request: LongArray, items: Names) -> Sheet:
    sizes = part["item_ids"].list.len().fill_null(-1).cast(pl.Int64).to_numpy()
    told = part["scores"].list.len().fill_null(-1).cast(pl.Int64).to_numpy()
    where = _Where(file=file, part=part, start=start)
    where.refuse((sizes < 0) | (sizes != told), "item_ids and scores of one length")
    owner = np.repeat(np.arange(len(sizes)), sizes)
    score = flat(part["scores"]).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    where.refuse(_rows(owner, ~(np.abs(score) <= _MOST), len(sizes)), "scores that are numbers (finite float32)")
    item = flat(part["item_ids"]).cast(items.words)
    where.refuse(_rows(owner, item.is_null().to_numpy(), len(sizes)), "an item_id for each score")
    where.refuse(_rows(owner, _again(owner, item), len(sizes)), "each item once")
    known = request >= 0
    kept = np.repeat(known, sizes)
    return Sheet(
        request=request[known],
        indptr=np.concatenate([[0], np.cumsum(sizes[known])]).astype(np.int64),
        item=items.find(item)[kept].astype(np.int32),
        score=score[kept],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    file: Path
    part: pl.DataFrame
    start: int

    def refuse(self, bad: BoolArray, expected: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise SchemaError(
                f"{self.file}: expected {expected}, got something else in request {self.part['request_id'][row]!r} "
                f"(row {self.start + row + 1}); write the file again."
            )


def _rows(owner: LongArray, bad: BoolArray, n: int) -> BoolArray:
    """Bool (n,): rows that have a bad entry."""
    out = np.zeros(n, np.bool_)
    out[owner[bad]] = True
    return out


def _again(owner: LongArray, item: pl.Series) -> BoolArray:
    """Bool (entries,): items that the same row had before."""
    category = item.to_physical().cast(pl.Int64).to_numpy()
    order = np.lexsort((category, owner))
    again = np.zeros(len(owner), np.bool_)
    again[order[1:]] = (np.diff(owner[order]) == 0) & (np.diff(category[order]) == 0)
    return again


def collected(file: Path, table: pl.LazyFrame) -> pl.DataFrame:
    """What a lazy table of a file holds.

    Raises:
        ArtifactError: the file cannot be read.
    """
    try:
        return table.collect(engine="streaming")
    except UNREADABLE as error:
        raise ArtifactError(f"Expected a Parquet file in {file}: {first_line(error)}; write it again.") from error
