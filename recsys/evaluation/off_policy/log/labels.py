"""Names as numbers: ids and other words of a log, whose arrays stay small."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.schema import IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """n names out of u different ones.

    Attributes:
        codes: int32 (n,), -1 where there is no name.
        names: str (u,), distinct and ascending: code c is names[c].
    """

    codes: IntArray
    names: pl.Series

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, column: pl.Series) -> "Labels":
        """Of a column of strings or categories, which may hold nulls.

        >>> found = Labels.of(pl.Series(["b", None, "a", "b"]))
        >>> found.codes.tolist(), found.names.to_list()
        ([1, -1, 0, 1], ['a', 'b'])
        """
        column = column if column.dtype == pl.Categorical else column.cast(pl.Categorical(pl.Categories.random()))
        physical = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        where = np.full(int(physical.max(initial=-1)) + 2, -1, np.int64)
        where[physical + 1] = np.arange(len(physical))
        used = np.flatnonzero(where[1:] >= 0)
        names = column.gather(where[1:][used]).cast(pl.String)
        order = names.arg_sort().to_numpy()
        place = np.full(len(where), -1, np.int32)
        place[used[order] + 1] = np.arange(len(order), dtype=np.int32)
        return cls(codes=place[physical + 1], names=names.gather(order))

    def take(self, rows: LongArray) -> "Labels":
        """The chosen rows, in the given order; codes and names stay."""
        return Labels(codes=self.codes[rows], names=self.names)

    @property
    def clusters(self) -> IntArray:
        """int32 (n,), dense codes: of the names, then of each that has none by itself.

        >>> Labels.of(pl.Series(["b", None, "a", None])).clusters.tolist()
        [1, 2, 0, 3]
        """
        alone = self.codes < 0
        return np.where(alone, len(self.names) + np.cumsum(alone) - 1, self.codes).astype(np.int32)

    def decode(self) -> pl.Series:
        """Str (n,), null where there is no name."""
        return self.names.gather(pl.Series(self.codes).replace(-1, None))
