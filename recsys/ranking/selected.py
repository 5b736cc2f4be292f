"""Rows of a feature table, chosen and not copied: what a ranker learns from, read a few at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsys.data.storage import let_go
from recsys.ranking.features import FeatureTable
from recsys.schema import BoolArray, FloatArray, LongArray

BLOCK = 8192
"""Rows read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """m rows and F columns of a matrix, which may lie in a file.

    Attributes:
        values: float32 (M, G), in memory or mapped.
        rows: int64 (m,), which rows, in the order they are read.
        columns: int64 (F,), which columns.
    """

    values: FloatArray
    rows: LongArray
    columns: LongArray

    @classmethod
    def of(cls, table: FeatureTable, *, kept: BoolArray, without: frozenset[str] = frozenset()) -> "Selected":
        """The rows of a mask, bool (M,), and all features but some."""
        columns = [place for place, name in enumerate(table.names) if name not in without]
        return cls(values=table.values, rows=np.flatnonzero(kept), columns=np.array(columns, np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, kept: BoolArray) -> "Selected":
        """Only the rows of a mask, bool (m,)."""
        return replace(self, rows=self.rows[kept])

    def read(self, start: int, end: int) -> FloatArray:
        """float32 (end - start, F), C order; of a mapped matrix no page stays in this process's memory."""
        found = self.values[self.rows[start:end]]
        let_go(self.values)
        return found if len(self.columns) == found.shape[1] else np.ascontiguousarray(found[:, self.columns])

    def blocks(self) -> Iterator[FloatArray]:
        """All rows, at most `BLOCK` at a time."""
        return (self.read(start, start + BLOCK) for start in range(0, len(self), BLOCK))
