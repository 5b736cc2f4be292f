"""One column of a stranger's table → the type the plain form wants, and what is wrong with each cell that has none."""

from dataclasses import dataclass, replace

import polars as pl

from recsys.data.instants import read_instants
from recsys.errors import SchemaError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A column after reading.

    Attributes:
        values: of the wanted type, null where nothing was given or nothing usable.
        problems: str, why a cell is unusable; null where it is fine or was empty.
        note: what was assumed about the whole column, or "".
    """

    values: pl.Series
    problems: pl.Series
    note: str = ""


def read_column(column: pl.Series, dtype: pl.DataType, *, where: str, timezone: str | None) -> Cells:
    """Read a column as `dtype`: str, f64, i32 (whole numbers from 1), list of str, or UTC instants.

    Whole numbers are accepted as ids and texts; NaN and "" as missing numbers and times; text as numbers and times.

    Args:
        column: as it came.
        dtype: one of the types in `schema.ITEM_COLUMNS` and `schema.EVENT_COLUMNS`.
        where: the column's name for people, such as "events.timestamp".
        timezone: IANA zone of timestamps written without one; None refuses them.

    Raises:
        SchemaError: the column's type cannot hold such values, or its times have no zone.
    """
    given = column.fill_nan(None) if column.dtype.is_float() else column
    if given.null_count() == len(column):
        return _fine(pl.repeat(None, len(column), dtype=dtype, eager=True).alias(column.name))
    if isinstance(dtype, pl.Datetime):
        values, problems, note = read_instants(column, where=where, timezone=timezone)
        return Cells(values=values, problems=problems, note=note)
    readers = {pl.String(): _text, pl.Float64(): _number, pl.Int32(): _position, pl.List(pl.String()): _texts}
    cells = readers[dtype](column)
    if cells is None:
        raise SchemaError(f"Expected {_WANTED[dtype]} in {where}, got {column.dtype}; convert the column.")
    return replace(cells, note=f"{where}: {cells.note}" if cells.note else "")


_WANTED: dict[pl.DataType, str] = {
    pl.String(): "text or whole numbers",
    pl.Float64(): "numbers",
    pl.Int32(): "whole numbers",
    pl.List(pl.String()): "lists of text",
}


def _fine(values: pl.Series) -> Cells:
    return Cells(values=values, problems=pl.repeat(None, len(values), dtype=pl.String, eager=True))


def _text(column: pl.Series) -> Cells | None:
    if column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum):
        return _fine(column.cast(pl.String))
    return None


def _texts(column: pl.Series) -> Cells | None:
    if column.dtype == pl.List(pl.String):
        return _fine(column)
    if isinstance(column.dtype, pl.List) and column.dtype.inner == pl.Null:
        return _fine(column.cast(pl.List(pl.String)))
    return None


def _number(column: pl.Series) -> Cells | None:
    if column.dtype == pl.String:
        given = column.str.strip_chars().replace("", None)
    elif column.dtype.is_numeric():
        given = column
    else:
        return None
    values = given.cast(pl.Float64, strict=False)
    problems = _reasons(given.is_not_null() & values.is_null(), "not a number")
    endless = values.is_infinite().fill_null(False)
    problems = problems.zip_with(~endless, _reasons(endless, "not finite"))
    nans = int(values.is_nan().sum())
    return Cells(values=values.fill_nan(None), problems=problems, note=f"{nans} NaN read as missing" if nans else "")


def _position(column: pl.Series) -> Cells | None:
    cells = _number(column)
    if cells is None:
        return None
    values = cells.values.cast(pl.Int32, strict=False)
    whole = ((values.cast(pl.Float64) == cells.values) & (values >= 1)).fill_null(False) | cells.values.is_null()
    problems = cells.problems.zip_with(
        whole | cells.problems.is_not_null(), _reasons(~whole, "not a whole number from 1")
    )
    return Cells(values=values, problems=problems)


def _reasons(bad: pl.Series, reason: str) -> pl.Series:
    return pl.select(pl.when(bad).then(pl.lit(reason))).to_series()
