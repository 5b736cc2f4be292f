"""A judged policy that is told by its probabilities of the log's own rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.errors import SchemaError
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.names import Names
from recsys.evaluation.off_policy.told.sheet import collected
from recsys.evaluation.off_policy.told.single import one_place, single_places
from recsys.schema import BoolArray, DoubleArray, LongArray

CHANCES: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "position": pl.Int64(),
    "item_id": pl.String(),
    "propensity": pl.Float64(),
}
"""A row a place, `position` from 1; `propensity` is P(this item at this position | the items above it)."""

OUTSIDE = "outside"
"""What a file may tell of each request, the same in all its rows: how likely it leaves what the list was drawn from.

What lists earn by a model it cannot: `doubly_robust` takes the logged items' part of the same model away, and that is
the log's own model (`learned`), not the one of whoever wrote the file.
"""

_ONE = 1 + 1e-6
"""A probability that is kept as float32 may exceed 1 by rounding."""


def by_chances(file: Path, logged: Logged) -> Target | None:
    """What the file says of the log's rows; a row that the log has not says nothing.

    A request is unknown, each place of it, where the file lacks one of its rows; those below a place with probability 0
    need not be told: the whole list has none.

    Args:
        file: with the columns of `CHANCES`, and perhaps `OUTSIDE`.
        logged: the log.

    Returns:
        None where file and log have no row in common.

    Raises:
        ArtifactError: no Parquet file.
        SchemaError: a cell that is missing or out of bounds, or a place or an item of a request told twice.
    """
    requests, items = Names.of(logged.request_id), Names.of(logged.item.names)
    table = _Table(file=file, rows=_read(file, requests, items))
    table.check()
    request, row = table.placed(logged, requests, items)
    if not (row >= 0).any():
        return None
    told = np.full(len(logged.propensity), np.nan)
    told[row[row >= 0]] = np.minimum(table.number("propensity")[row >= 0], 1)
    probability = _known(told, logged.indptr)
    outside = table.outside(request, len(logged))
    marginal, pseudo = single_places(logged, probability) if one_place(logged) else (None, None)
    return Target(
        probability=probability,
        outside=np.full(len(logged), np.nan) if outside is None else outside,
        marginal=marginal,
        pseudo=pseudo,
    )


def _read(file: Path, requests: Names, items: Names) -> pl.DataFrame:
    table = pl.scan_parquet(file)
    further = [pl.col(OUTSIDE).cast(pl.Float64)] if OUTSIDE in table.collect_schema() else []
    return collected(
        file,
        table.select(
            pl.col("request_id").cast(requests.words),
            pl.col("position").cast(pl.Int64, strict=False),
            pl.col("item_id").cast(items.words),
            pl.col("propensity").cast(pl.Float64),
            *further,
        ),
    )


def _known(told: DoubleArray, indptr: LongArray) -> DoubleArray:
    """float64 (m,): NaN all over a list that has one above which no place has probability 0, 0 below such a place."""
    sizes = np.diff(indptr)
    out, none = told.copy(), np.zeros(len(sizes), np.bool_)
    unknown = np.zeros(len(sizes), np.bool_)
    for j in range(int(sizes.max(initial=0))):
        which = np.flatnonzero(sizes > j)
        row = indptr[which] + j
        out[row[none[which]]] = 0
        unknown[which] |= np.isnan(out[row])
        none[which] |= out[row] == 0
    out[np.repeat(unknown, sizes)] = np.nan
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Rows of a file, names as categories."""

    file: Path
    rows: pl.DataFrame

    def number(self, name: str) -> DoubleArray:
        """float64, NaN where there is none."""
        return self.rows[name].fill_null(float("nan")).to_numpy()

    def codes(self, name: str) -> LongArray:
        """int64, any dense number of a name."""
        return self.rows[name].to_physical().cast(pl.Int64).to_numpy()

    def check(self) -> None:
        """Refuse what is no probability of a place."""
        for name in CHANCES:
            self._refuse(self.rows[name].is_null().to_numpy(), f"a {name} in each row")
        chance, place = self.number("propensity"), self.rows["position"].to_numpy()
        self._refuse(~((chance >= 0) & (chance <= _ONE)), "a propensity in [0, 1]")
        self._refuse(place < 1, "a position from 1")
        for key, words in (
            (place, "each position of a request once"),
            (self.codes("item_id"), "each item of a request once"),
        ):
            self._refuse(_again(self.codes("request_id"), key), words)
        if OUTSIDE in self.rows.columns:
            self._refuse(~((self.number(OUTSIDE) >= 0) & (self.number(OUTSIDE) <= _ONE)), "an outside in [0, 1]")

    def placed(self, logged: Logged, requests: Names, items: Names) -> tuple[LongArray, LongArray]:
        """int64 each: the request of each row in the log, and the row it speaks of; -1 where the log has it not."""
        request, item = requests.find(self.rows["request_id"]), items.find(self.rows["item_id"])
        place = self.rows["position"].to_numpy()
        within = (request >= 0) & (item >= 0) & (place <= np.diff(logged.indptr)[request])
        row = np.where(within, logged.indptr[request] + place - 1, 0)
        same = within & (logged.item.codes[row] == item)
        return request, np.where(same, row, -1)

    def outside(self, request: LongArray, n: int) -> DoubleArray | None:
        """float64 (n,): of each request of the log, NaN where it is not told; None where nothing is."""
        if OUTSIDE not in self.rows.columns:
            return None
        out, value, known = np.full(n, np.nan), self.number(OUTSIDE), request >= 0
        out[request[known]] = value[known]
        differs = np.zeros(len(value), np.bool_)
        differs[known] = out[request[known]] != value[known]
        self._refuse(differs, "one outside in all rows of a request")
        return np.asarray(np.minimum(out, 1), np.float64)

    def _refuse(self, bad: BoolArray, expected: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            name = self.rows["request_id"].cast(pl.String)[row]
            raise SchemaError(
                f"{self.file}: expected {expected}, got something else in row {row + 1} (request {name!r}) and "
                f"{int(bad.sum()) - 1:,} others; write the file again."
            )


def _again(request: LongArray, key: LongArray) -> BoolArray:
    """Bool (rows,): whether a row before has the same request and key."""
    order = np.lexsort((key, request))
    again = np.zeros(len(key), np.bool_)
    again[order[1:]] = (np.diff(request[order]) == 0) & (np.diff(key[order]) == 0)
    return again
