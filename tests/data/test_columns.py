"""One column → the plain form's type, cell by cell."""

import math

import polars as pl
import pytest

from recsys.data.columns import read_column
from recsys.errors import SchemaError
from recsys.schema import UTC_US

TEXT, NUMBER, POSITION, TAGS = pl.String(), pl.Float64(), pl.Int32(), pl.List(pl.String())


def read(column: pl.Series, dtype: pl.DataType) -> tuple[list[object], list[str | None], str]:
    cells = read_column(column, dtype, where="t.c", timezone=None)
    assert cells.values.dtype == dtype
    return cells.values.to_list(), cells.problems.to_list(), cells.note


@pytest.mark.parametrize("dtype", [TEXT, NUMBER, POSITION, TAGS, UTC_US])
@pytest.mark.parametrize(
    "column", [pl.Series([None, None]), pl.Series([None, None], dtype=pl.Boolean), pl.Series([math.nan, None])]
)
def test_an_empty_column_of_any_type_is_empty(column: pl.Series, dtype: pl.DataType) -> None:
    assert read(column, dtype) == ([None, None], [None, None], "")


def test_text_takes_text_categories_and_whole_numbers() -> None:
    assert read(pl.Series(["a", None]), TEXT)[0] == ["a", None]
    assert read(pl.Series([12, 7]), TEXT)[0] == ["12", "7"]
    assert read(pl.Series(["a"], dtype=pl.Categorical), TEXT)[0] == ["a"]
    assert read(pl.Series(["a"], dtype=pl.Enum(["a"])), TEXT)[0] == ["a"]


def test_numbers_may_be_written_as_text_and_nan_is_missing() -> None:
    assert read(pl.Series([" 1.5", "", "x", None]), NUMBER) == (
        [1.5, None, None, None],
        [None, None, "not a number", None],
        "",
    )
    assert read(pl.Series([1, 2]), NUMBER)[0] == [1.0, 2.0]
    assert read(pl.Series([1.0, math.nan]), NUMBER) == ([1.0, None], [None, None], "t.c: 1 NaN read as missing")
    assert read(pl.Series([1.0, math.inf, -math.inf]), NUMBER)[1] == [None, "not finite", "not finite"]


def test_positions_are_whole_numbers_from_one() -> None:
    no = "not a whole number from 1"
    assert read(pl.Series([1, 0, None]), POSITION)[1] == [None, no, None]
    assert read(pl.Series(["2", "1.5", "x", "1e12"]), POSITION)[1] == [None, no, "not a number", no]
    assert read(pl.Series([3.0, math.nan]), POSITION)[0] == [3, None]


def test_tags_are_lists_of_text() -> None:
    assert read(pl.Series([["a", None], None]), TAGS)[0] == [["a", None], None]
    assert read(pl.Series([[], [None]], dtype=pl.List(pl.Null)), TAGS)[0] == [[], [None]]


@pytest.mark.parametrize(
    ("column", "dtype", "wanted"),
    [
        (pl.Series([1.5]), TEXT, "text or whole numbers"),
        (pl.Series([True]), TEXT, "text or whole numbers"),
        (pl.Series([["a"]]), TEXT, "text or whole numbers"),
        (pl.Series([True]), NUMBER, "numbers"),
        (pl.Series([["a"]]), POSITION, "whole numbers"),
        (pl.Series(["a"]), TAGS, "lists of text"),
        (pl.Series([[1]]), TAGS, "lists of text"),
    ],
)
def test_other_types_are_refused(column: pl.Series, dtype: pl.DataType, wanted: str) -> None:
    with pytest.raises(SchemaError, match=rf"Expected {wanted} in t\.c, got .*; convert the column\."):
        read(column, dtype)
