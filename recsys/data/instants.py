"""The many ways to write a time → microseconds since 1970 UTC."""

import polars as pl

from recsys.errors import SchemaError
from recsys.schema import DAY, SECOND, UTC_US

_UNITS: tuple[tuple[float, str, int, int], ...] = (
    (1e11, "seconds", SECOND, 1),
    (1e14, "milliseconds", SECOND // 1_000, 1),
    (1e17, "microseconds", 1, 1),
    (float("inf"), "nanoseconds", 1, 1_000),
)
"""(upper bound of the typical size, unit, factor to µs, divisor to µs): a clock of today is at least 50 times below
its bound and as far above the one before, so that the size tells the unit."""

_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_FIRST, _LAST = -25_567 * DAY, 84_006 * DAY  # the years 1900 to 2199
_NO_ZONE = "no time zone"
NO_TIME = "not a time between 1900 and 2199"
_OFFSET = r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*([+-])(\d\d)(?::?(\d\d))?$"


def read_instants(column: pl.Series, *, where: str, timezone: str | None) -> tuple[pl.Series, pl.Series, str]:
    """Read times as UTC: datetimes, dates, ISO 8601 text, or numbers since 1970 whose size tells their unit.

    Args:
        column: with at least one value.
        where: the column's name for people.
        timezone: IANA zone of times written without one; None refuses them.

    Returns:
        The instants (datetime µs UTC, null where none), why a cell has none (str, null where fine or empty), and what
        was assumed about the whole column ("" for nothing).

    Raises:
        SchemaError: the type holds no times, or no time has a zone and `timezone` is None.
    """
    no = pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    note, naive, given = "", no, column
    if column.dtype == pl.String:
        given = column.str.strip_chars().replace("", None)
        numbers = given.cast(pl.Float64, strict=False)
        if numbers.count() * 2 >= given.count():
            exact = given.cast(pl.Int64, strict=False)
            micros, note = _epoch(exact if exact.count() == numbers.count() else numbers, where)
        else:
            micros, naive = _iso(given, timezone)
    elif column.dtype.is_integer() or column.dtype.is_float():
        given = column.fill_nan(None) if column.dtype.is_float() else column
        micros, note = _epoch(given, where)
    elif column.dtype in (pl.Datetime, pl.Date):
        micros, naive = _datetimes(column, timezone)
    else:
        raise SchemaError(f"Expected times in {where}, got {column.dtype}; convert the column to UTC timestamps.")
    if naive.any() and micros.count() == 0:
        raise SchemaError(
            f"Expected times with a zone in {where}, got {column.drop_nulls()[0]} ({column.dtype}) without one; "
            'write the column as UTC or set data.mapping.timezone, such as "UTC".'
        )
    return *_checked(given, micros, naive), note


def iso(text: pl.Expr, form: str) -> pl.Expr:
    """Text of another form of time, in strftime's signs, as ISO 8601; what is not of that form stays as it is."""
    return pl.coalesce(text.str.to_datetime(form, time_unit="us", strict=False).dt.to_string("iso"), text)


def _checked(given: pl.Series, micros: pl.Series, naive: pl.Series) -> tuple[pl.Series, pl.Series]:
    table = pl.DataFrame({"given": given.is_not_null(), "micros": micros, "naive": naive})
    micros_inside = pl.col("micros").is_between(_FIRST, _LAST)
    why = pl.when(pl.col("naive")).then(pl.lit(_NO_ZONE)).otherwise(pl.lit(NO_TIME))
    table = table.select(
        values=pl.when(micros_inside).then("micros").cast(UTC_US),
        problems=pl.when(pl.col("given") & ~micros_inside.fill_null(False)).then(why),
    )
    return table["values"].alias(given.name), table["problems"]


def _epoch(numbers: pl.Series, where: str) -> tuple[pl.Series, str]:
    sizes = numbers.cast(pl.Float64).abs()
    typical = sizes.filter(sizes.is_finite()).median()
    size = float(typical) if isinstance(typical, int | float) else 0.0
    _, unit, factor, divisor = next(u for u in _UNITS if size < u[0])
    inside = pl.col("n").cast(pl.Float64).abs() <= _LAST / factor * divisor
    micros = (
        pl.when(inside).then(pl.col("n")) * factor / divisor
        if numbers.dtype.is_float()
        else (pl.when(inside).then(pl.col("n").cast(pl.Int64, strict=False)) * factor // divisor)
    )
    whole = micros.round() if numbers.dtype.is_float() else micros
    table = numbers.alias("n").to_frame().select(micros=whole.cast(pl.Int64))
    return table["micros"], f"{where}: numbers read as {unit} since 1970 UTC"


def _iso(given: pl.Series, timezone: str | None) -> tuple[pl.Series, pl.Series]:
    text = pl.col("t").str.replace(r"^(\d+-\d+-\d+)[Tt]", "$1 ").str.replace(r"\s*(?:[zZ]|UTC|GMT)$", "+00:00")
    table = (
        given.alias("t")
        .to_frame()
        .select(
            local=text.str.replace(_OFFSET, "$1"),
            sign=text.str.extract(_OFFSET, 2) + "1",
            hours=text.str.extract(_OFFSET, 3).cast(pl.Int64),
            minutes=text.str.extract(_OFFSET, 4).cast(pl.Int64).fill_null(0),
        )
    )
    times = [pl.col("local").str.to_datetime(f, time_unit="us", strict=False) for f in _FORMATS]
    shift = pl.col("sign").cast(pl.Int64) * (pl.col("hours") * 60 + pl.col("minutes")) * 60 * SECOND
    table = table.select(local=pl.coalesce(times), shift=shift)
    zoned = table.select(pl.col("local").dt.epoch("us") - pl.col("shift")).to_series()
    local = table["local"].zip_with(table["shift"].is_null(), pl.Series([None], dtype=pl.Datetime("us")))
    micros, naive = _datetimes(local, timezone)
    return zoned.fill_null(micros), naive


def _datetimes(column: pl.Series, timezone: str | None) -> tuple[pl.Series, pl.Series]:
    times = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
    zoned = isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone is not None
    if not zoned and timezone is not None:
        times = times.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
        zoned = True
    micros = times.dt.epoch("us")
    if zoned:
        return micros, pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    return pl.repeat(None, len(column), dtype=pl.Int64, eager=True), micros.is_not_null()
