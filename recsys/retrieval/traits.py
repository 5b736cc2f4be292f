"""What task heads read in the items' texts: how likely each class is, or the things of each type that are named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError, ShapeError
from recsys.schema import DoubleArray, IntArray

_NAMES = "traits.json"
_CLASS, _THINGS = pl.Float32(), pl.List(pl.String())


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One head's reading of all items.

    Attributes:
        name: the head's; features begin with it.
        table: one row an item; a Float32 column per class, its probability, null where an item has no text; or a
            List(String) column per type of entity, the things named, distinct, in lower case.
        levels: float64 (n_items, columns), the probability, NaN for null, or the number of things.
        presence: float64 (n_items, attributes): an attribute is a class, present as far as it is likely, or a thing
            of a type, present or not.
    """

    name: str
    table: pl.DataFrame
    levels: DoubleArray
    presence: csr_array

    @classmethod
    def of(cls, name: str, table: pl.DataFrame) -> "Trait":
        """From the table.

        Args:
            name: letters, digits and underscores are kept, anything else becomes an underscore.
            table: as above.

        Raises:
            ShapeError: columns of another type, or of two.
        """
        if table.width == 0 or set(table.dtypes) not in ({_CLASS}, {_THINGS}):
            raise ShapeError(
                f"Trait {name!r}: expected columns of Float32 or of List(String), got {table.schema}; embed anew."
            )
        classes = table.dtypes[0] == _CLASS
        levels = table if classes else table.select(pl.all().list.len())
        values = levels.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        presence = csr_array(np.nan_to_num(values)) if classes else _things(table)
        return cls(name=_word(name), table=table, levels=np.ascontiguousarray(values), presence=presence)

    def __len__(self) -> int:
        return len(self.table)

    def put(self, items: IntArray, n: int) -> "Trait":
        """For a catalogue grown to `n` items, nothing read yet in the texts of some, new or replaced."""
        fresh = np.isin(np.arange(n), items)
        grown = self.table[np.minimum(np.arange(n), len(self) - 1)]
        return Trait.of(self.name, grown.select(pl.when(~pl.Series(fresh)).then(pl.all()).name.keep()))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """`name_label`, one a column; signs that are no letters, digits or underscores become underscores."""
        return tuple(f"{self.name}_{_word(label)}" for label in self.table.columns)


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name)


def _things(table: pl.DataFrame) -> csr_array:
    """1 where an item names a thing of a type."""
    long = [
        table.select(pl.int_range(pl.len()).alias("item"), pl.lit(type_).alias("type"), pl.col(type_).alias("thing"))
        .explode("thing")
        .drop_nulls()
        for type_ in table.columns
    ]
    found = pl.concat(long).unique().sort("item", "type", "thing")
    attribute = found.select(pl.struct("type", "thing").rank("dense")).to_series().cast(pl.Int64).to_numpy() - 1
    shape = (len(table), int(attribute.max(initial=-1)) + 1)
    return csr_array((np.ones(len(found)), (found["item"].to_numpy(), attribute)), shape=shape)


def save_traits(traits: Sequence[Trait], directory: Path) -> None:
    """Write traits.json and trait-*.parquet into an existing directory; nothing where there are none."""
    if traits:
        write_json(directory / _NAMES, {"names": [trait.name for trait in traits]})
    for trait in traits:
        trait.table.write_parquet(directory / f"trait-{trait.name}.parquet")


def load_traits(directory: Path) -> tuple[Trait, ...]:
    """Read what `save_traits` wrote.

    Raises:
        ArtifactError: a table is missing or malformed.
    """
    if not (directory / _NAMES).is_file():
        return ()
    try:
        names = read_json(directory / _NAMES)["names"]
        return tuple(Trait.of(name, pl.read_parquet(directory / f"trait-{name}.parquet")) for name in names)
    except (OSError, KeyError, ShapeError, pl.exceptions.PolarsError) as error:
        raise ArtifactError(f"The traits in {directory} cannot be read ({error}); embed the items again.") from error
