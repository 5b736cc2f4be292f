"""Every usual way to write a time reads as the same instant; what is none is said to be none."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.instants import read_instants
from recsys.errors import SchemaError
from recsys.schema import UTC_US

TEN = datetime(2024, 1, 1, 10, tzinfo=UTC)
SECONDS = 1_704_103_200  # date -u -d 2024-01-01T10:00 +%s


def read(column: pl.Series, timezone: str | None = None) -> tuple[list[datetime | None], list[str | None], str]:
    values, problems, note = read_instants(column, where="events.timestamp", timezone=timezone)
    assert values.dtype == UTC_US
    return values.to_list(), problems.to_list(), note


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01T10:00:00Z",
        "2024-01-01t10:00:00z",
        "2024-01-01 10:00:00 UTC",
        "2024-01-01 10:00:00.000 GMT",
        "2024-01-01T12:00:00+02:00",
        "2024-01-01T04:30:00.000000-0530",
        "2024-01-01 11:00+01",
        "  2024-01-01 10:00+0000 ",
    ],
)
def test_text_with_a_zone(text: str) -> None:
    assert read(pl.Series([text])) == ([TEN], [None], "")


@pytest.mark.parametrize("text", ["2024-01-01T11:00:00", "2024-01-01 11:00", "2024-01-01 11:00:00.0"])
def test_text_without_a_zone_needs_one(text: str) -> None:
    assert read(pl.Series([text]), "Europe/Berlin") == ([TEN], [None], "")
    with pytest.raises(SchemaError, match=r"Expected times with a zone in events\.timestamp, got 2024-01-01.* UTC"):
        read(pl.Series([text]))


def test_single_cells_without_a_zone_or_a_time_are_marked() -> None:
    values, problems, _ = read(pl.Series(["2024-01-01T10:00:00Z", "2024-01-01", "soon", "", None, "2524-01-01T00:00Z"]))
    assert values == [TEN, None, None, None, None, None]
    no_time = "not a time between 1900 and 2199"
    assert problems == [None, "no time zone", no_time, None, None, no_time]


@pytest.mark.parametrize(
    ("factor", "unit"), [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")]
)
def test_numbers_tell_their_unit_by_their_size(factor: int, unit: str) -> None:
    note = f"events.timestamp: numbers read as {unit} since 1970 UTC"
    assert read(pl.Series([SECONDS * factor, None])) == ([TEN, None], [None, None], note)
    assert read(pl.Series([str(SECONDS * factor), ""])) == ([TEN, None], [None, None], note)


def test_fractions_of_seconds_keep_their_microseconds() -> None:
    half = TEN.replace(microsecond=500_000)
    assert read(pl.Series([SECONDS + 0.5]))[0] == [half]
    assert read(pl.Series([f"{SECONDS}.5", f"{SECONDS}"]))[0] == [half, TEN]


def test_numbers_that_are_no_times_are_marked() -> None:
    values, problems, _ = read(pl.Series([float(SECONDS), float("nan"), float("inf"), 1e300, SECONDS + 0.0]))
    assert values == [TEN, None, None, None, TEN]
    assert [p is None for p in problems] == [True, True, False, False, True]
    assert read(pl.Series([float("nan"), float("nan")]))[:2] == ([None, None], [None, None])
    assert read(pl.Series(["1704103200", "1704103200", "soon"]))[1] == [None, None, "not a time between 1900 and 2199"]
    assert read(pl.Series([2**64 - 1, SECONDS, SECONDS], dtype=pl.UInt64))[0] == [None, TEN, TEN]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_datetimes_of_any_unit_and_zone(unit: str) -> None:
    column = pl.Series([TEN, None]).dt.cast_time_unit(unit).dt.convert_time_zone("Asia/Tokyo")
    assert read(column) == ([TEN, None], [None, None], "")


def test_datetimes_and_dates_without_a_zone_need_one() -> None:
    naive = pl.Series([datetime(2024, 1, 1, 11)])
    assert read(naive, "Europe/Berlin")[0] == [TEN]
    assert read(pl.Series([date(2024, 1, 1)]), "UTC")[0] == [TEN.replace(hour=0)]
    for column in (naive, pl.Series([date(2024, 1, 1)])):
        with pytest.raises(SchemaError, match=r"without one; .* set data\.mapping\.timezone"):
            read(column)


def test_an_hour_that_the_clock_skipped_is_no_time() -> None:
    values, problems, _ = read(
        pl.Series([datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30)]), "Europe/Berlin"
    )
    assert values == [None, datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]
    assert problems == ["not a time between 1900 and 2199", None]


@pytest.mark.parametrize("column", [pl.Series([True]), pl.Series([[1]]), pl.Series([{"a": 1}])])
def test_other_types_are_refused(column: pl.Series) -> None:
    with pytest.raises(SchemaError, match=r"Expected times in events\.timestamp, got .*; convert the column"):
        read(column)


times = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))


@given(st.lists(times, min_size=1, max_size=5))
def test_written_and_read_again(instants: list[datetime]) -> None:
    assert read(pl.Series([t.isoformat() for t in instants]))[0] == instants
    assert read(pl.Series([t.strftime("%Y-%m-%d %H:%M:%S.%f UTC") for t in instants]))[0] == instants
