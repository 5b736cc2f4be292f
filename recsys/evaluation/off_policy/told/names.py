"""Names of a file as the numbers that a log has for them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.schema import LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Distinct names, found again among the strings of any column.

    Attributes:
        names: the names as categories; polars forgets what number a category has when no column has it any more.
        number: int64 (u + 1,), category → the name's place among those given, -1 for another; the last one is -1.
    """

    names: pl.Series
    number: LongArray

    @classmethod
    def of(cls, names: pl.Series) -> "Names":
        """Of distinct strings; null is no name."""
        known = names.cast(pl.Categorical(pl.Categories.random("names")))
        category = known.to_physical().drop_nulls().cast(pl.Int64).to_numpy()
        number = np.full(int(category.max(initial=-1)) + 2, -1, np.int64)
        number[category] = np.flatnonzero(known.is_not_null().to_numpy())
        return cls(names=known, number=number)

    @property
    def words(self) -> pl.DataType:
        """What a column is cast to while it is read, so that its texts need not stay."""
        return self.names.dtype

    def find(self, column: pl.Series) -> LongArray:
        """int64 (n,): the place of each string or category among the names; -1 where it is none of them.

        >>> Names.of(pl.Series(["b", "a"])).find(pl.Series(["a", "c", None, "b"])).tolist()
        [1, -1, -1, 0]
        """
        category = column.cast(self.words).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        return self.number[np.where(category < len(self.number) - 1, category, -1)]
