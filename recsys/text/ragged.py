"""Rows of different lengths, one after the other."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recsys.schema import IntArray, LongArray

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ragged:
    """Which indices each row holds.

    Attributes:
        row: int64 (m,), sorted.
        index: int64 (m,).
    """

    row: LongArray
    index: LongArray

    @classmethod
    def spans(cls, start: LongArray, end: LongArray) -> "Ragged":
        """Row r holds start[r], …, end[r] - 1."""
        lengths = end - start
        row = np.repeat(np.arange(len(start)), lengths)
        return cls(row=row, index=np.arange(len(row)) + (start - np.cumsum(lengths) + lengths)[row])

    @classmethod
    def of_table(cls, table: IntArray) -> "Ragged":
        """Row r holds what is not negative in row r of a table."""
        row, column = np.nonzero(table >= 0)
        return cls(row=row, index=table[row, column].astype(np.int64))

    def first(self, n: int) -> "Ragged":
        """Only the first n rows."""
        m = np.searchsorted(self.row, n)
        return Ragged(row=self.row[:m], index=self.index[:m])

    def sample(self, rng: np.random.Generator, k: int) -> "Ragged":
        """At most k random indices of every row, without replacement, in random order."""
        order = np.lexsort((rng.random(len(self.row)), self.row))
        chosen = order[self._rank() < k]
        return Ragged(row=self.row[chosen], index=self.index[chosen])

    def at(self, values: npt.NDArray[np.integer]) -> "Ragged":
        """values[index] in place of every index."""
        return Ragged(row=self.row, index=values[self.index].astype(np.int64))

    def padded(self, values: npt.NDArray[Number], n: int) -> npt.NDArray[Number]:
        """(n, longest row, at least 1): the values, one an index, from the left of n rows, 0 behind them."""
        column = self._rank()
        table = np.zeros((n, int(column.max(initial=0)) + 1), values.dtype)
        table[self.row, column] = values
        return table

    def _rank(self) -> LongArray:
        """0, 1, … within every row."""
        opens = np.flatnonzero(np.diff(self.row, prepend=-1))
        return np.asarray(np.arange(len(self.row)) - np.repeat(opens, np.diff(opens, append=len(self.row))), np.int64)
