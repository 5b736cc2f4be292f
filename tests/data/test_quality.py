"""What bad input gets: a row with its reason, or one sentence, never silence. What is valid is kept as it is."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.data.config import QualityConfig
from recsys.data.formats import read_directory
from recsys.data.quality import REJECTS, CleanLog, clean, sift
from recsys.data.raw_log import RawLog
from recsys.data.synthetic import make_world
from recsys.errors import QualityError, SchemaError
from recsys.schema import EVENT_COLUMNS, ITEM_COLUMNS

AT = datetime(2024, 1, 1, tzinfo=UTC)
LENIENT = QualityConfig(max_reject_fraction=1)


def raw_of(items: dict[str, list[object]] | None = None, events: dict[str, list[object]] | None = None) -> RawLog:
    """Two items, two users, four events; named columns replaced."""
    item_columns = {"item_id": ["a", "b"], "title": ["A", "B"]} | (items or {})
    event_columns = {
        "user_id": ["u", "u", "v", "v"],
        "item_id": ["a", "b", "a", "b"],
        "event": ["purchase", "click", "view", "rating"],
        "timestamp": [AT] * 4,
        "value": [1.0, None, None, 3.0],
    } | (events or {})
    return RawLog(items=pl.DataFrame(item_columns, strict=False), events=pl.DataFrame(event_columns, strict=False))


def rejects(log: CleanLog) -> list[tuple[object, ...]]:
    return log.rejects.rows()


def test_a_good_log_is_kept_row_for_row() -> None:
    world = make_world(n_users=6, n_items=8, n_tastes=2)
    twice = pl.concat([world.events, world.events])
    log = clean(RawLog(items=world.items, events=twice, filtered={"x": 3}), QualityConfig(max_reject_fraction=0))
    assert log.items.equals(world.items)
    assert log.events.select(twice.columns).equals(twice)
    assert (dict(log.items.schema), dict(log.events.schema)) == (ITEM_COLUMNS, EVENT_COLUMNS)
    assert (log.rejects.height, dict(log.rejects.schema), log.filtered, log.notes) == (0, REJECTS, {"x": 3}, ())


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("user_id", None, "missing"),
        ("user_id", "", "empty"),
        ("item_id", None, "missing"),
        ("item_id", "zzz", "not in items"),
        ("event", None, "missing"),
        ("event", "bought", "bought is no event role, map it with data.mapping.roles"),
        ("timestamp", None, "missing"),
        ("timestamp", datetime(2500, 1, 1, tzinfo=UTC), "not a time between 1900 and 2199"),
        ("value", float("inf"), "not finite"),
    ],
)
def test_a_malformed_event_is_set_aside_with_its_reason(column: str, value: object, reason: str) -> None:
    cells = raw_of().events[column].to_list()
    log = sift(raw_of(events={column: [*cells[:2], value, *cells[3:]]}))
    assert rejects(log) == [("events", 3, column, reason)]
    assert log.events.height == 3
    assert (log.rejected("items"), log.rejected("events")) == (0, 1 / 4)


@pytest.mark.parametrize(
    ("columns", "row", "column", "reason"),
    [
        ({"item_id": ["a", "b", None]}, 3, "item_id", "missing"),
        ({"item_id": ["a", "", "b"]}, 2, "item_id", "empty"),
        ({"item_id": ["a", "a", "b"]}, 2, "item_id", "duplicate"),
        ({"item_id": ["a", "b", "c"], "price": [1.0, 2.0, -1.0]}, 3, "price", "below 0"),
        ({"item_id": ["a", "b", "c"], "price": ["1", "2", "cheap"]}, 3, "price", "not a number"),
    ],
)
def test_a_malformed_item_is_set_aside_with_its_reason(
    columns: dict[str, list[object]], row: int, column: str, reason: str
) -> None:
    log = sift(raw_of(items={"title": ["A", "B", "C"], **columns}))
    assert rejects(log) == [("items", row, column, reason)]
    assert log.items.height == 2


def test_the_first_of_duplicate_items_is_kept() -> None:
    log = sift(raw_of(items={"item_id": ["a", "a", "b"], "title": ["first", "second", "B"]}))
    assert log.items["title"].to_list() == ["first", "B"]


def test_events_of_a_rejected_item_fall_with_it() -> None:
    log = sift(raw_of(items={"price": [1.0, -1.0]}))
    assert rejects(log) == [
        ("items", 2, "price", "below 0"),
        *(("events", r, "item_id", "not in items") for r in (2, 4)),
    ]


def test_a_row_with_two_faults_is_one_reject() -> None:
    log = sift(raw_of(events={"user_id": [None, "u", "v", "v"], "event": ["?", "click", "view", "rating"]}))
    assert rejects(log) == [("events", 1, "user_id", "missing")]


def test_nan_prices_are_missing_and_said_so() -> None:
    log = clean(raw_of(items={"price": [float("nan"), 2.0]}), QualityConfig())
    assert log.items["price"].to_list() == [None, 2.0]
    assert log.notes == ("items.price: 1 NaN read as missing",)


def test_texts_of_any_length_and_script_are_kept() -> None:
    titles = ["", "x" * 100_000]
    assert clean(raw_of(items={"title": titles}), QualityConfig()).items["title"].to_list() == titles
    titles = ["مرحبا بالعالم", "👩‍👩‍👧 🪁"]
    assert clean(raw_of(items={"title": titles}), QualityConfig()).items["title"].to_list() == titles


def test_numeric_ids_and_milliseconds_are_read() -> None:
    items = {"item_id": [1, 2]}
    events = {"item_id": [1, 2, 1, 2], "user_id": [7, 7, 8, 8], "timestamp": [1_704_067_200_000] * 4}
    log = clean(raw_of(items, events), QualityConfig())
    assert log.events["user_id"].to_list() == ["7", "7", "8", "8"]
    assert log.events["timestamp"].to_list() == [AT] * 4
    assert log.notes == ("events.timestamp: numbers read as milliseconds since 1970 UTC",)


def test_too_many_rejects_stop_with_the_most_frequent_reason() -> None:
    bad = raw_of(events={"event": ["buy", "buy", "?", "click"]})
    sentence = (
        r"Expected at most 5\.0% malformed rows in events \(quality\.max_reject_fraction\), got 3 of 4 \(75\.0%\); "
        r"most often event: buy is no event role, map it with data\.mapping\.roles \(2 rows, first row 1\)\. Mend "
    )
    with pytest.raises(QualityError, match=sentence):
        clean(bad, QualityConfig())
    with pytest.raises(QualityError, match="malformed rows in items"):
        clean(raw_of(items={"item_id": ["a", "a"]}), QualityConfig())


def test_the_limit_itself_is_allowed() -> None:
    bad = raw_of(events={"value": [1.0, float("inf"), None, 3.0]})
    assert clean(bad, QualityConfig(max_reject_fraction=0.25)).events.height == 3
    with pytest.raises(QualityError):
        clean(bad, QualityConfig(max_reject_fraction=0.24))


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (raw_of(events={"user_id": ["u"] * 4}), "at least 2 different user_ids, found 1 in 4 valid events"),
        (raw_of(events={"item_id": ["a"] * 4}), "at least 2 different item_ids, found 1 in 4 valid events"),
        (raw_of(events={"event": ["?"] * 4}), "at least 2 different user_ids, found 0 in 0 valid events"),
    ],
)
def test_one_user_or_one_item_is_too_little(raw: RawLog, sentence: str) -> None:
    with pytest.raises(SchemaError, match=rf"Expected events of {sentence}; .* bring a larger log"):
        clean(raw, LENIENT)


@pytest.mark.parametrize(
    ("table", "column"),
    [("items", "item_id"), ("events", "user_id"), ("events", "item_id"), ("events", "event"), ("events", "timestamp")],
)
def test_a_missing_column_is_named(table: str, column: str) -> None:
    raw = raw_of()
    cut = {"items": raw.items, "events": raw.events}
    cut[table] = cut[table].drop(column)
    sentence = rf"Expected a column {column} in {table}, found .*; add it or name it in data\.mapping\.{table}"
    with pytest.raises(SchemaError, match=sentence):
        sift(RawLog(**cut))


def test_a_missing_event_column_can_be_replaced_by_one_name() -> None:
    raw = raw_of()
    with pytest.raises(SchemaError, match=r"or name the event of all rows in data\.mapping\.event"):
        sift(RawLog(items=raw.items, events=raw.events.drop("event")))


def test_a_table_without_columns_is_said_so() -> None:
    with pytest.raises(
        SchemaError,
        match=r"Expected a column item_id in items, found none; add it or name it in data\.mapping\.items\.",
    ):
        sift(RawLog(items=pl.DataFrame(), events=raw_of().events))


@pytest.mark.parametrize("table", ["items", "events"])
def test_an_empty_table_is_said_so(table: str) -> None:
    raw = raw_of()
    tables = {"items": raw.items, "events": raw.events}
    tables[table] = tables[table].clear()
    with pytest.raises(SchemaError, match=f"Expected rows in {table}, found none; export the table again"):
        sift(RawLog(**tables))


def test_a_wrong_type_is_named() -> None:
    with pytest.raises(SchemaError, match=r"Expected text or whole numbers in events\.user_id, got Float64"):
        sift(raw_of(events={"user_id": [1.5] * 4}))
    with pytest.raises(SchemaError, match=r"Expected times with a zone in events\.timestamp, got 2024-01-01"):
        sift(raw_of(events={"timestamp": [AT.replace(tzinfo=None)] * 4}))


def test_rejects_can_be_written(tmp_path: Path) -> None:
    sift(raw_of(events={"event": ["?", "click", "view", "rating"]})).rejects.write_parquet(tmp_path / "rejects.parquet")
    assert pl.read_parquet(tmp_path / "rejects.parquet").columns == ["table", "row", "column", "reason"]


def test_a_missing_column_is_told_with_all_that_were_found(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("sku,title\na,A\n")
    (tmp_path / "events.csv").write_text("user_id\nu\n")
    with pytest.raises(SchemaError, match=r"Expected a column item_id in items, found title, sku; add it or name"):
        sift(read_directory(tmp_path))


def test_another_separator_is_suspected(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id;title\na;A\n")
    (tmp_path / "events.csv").write_text("user_id\nu\n")
    with pytest.raises(SchemaError, match=r"found item_id;title; add it .*between ';', set data\.mapping\.separator\."):
        sift(read_directory(tmp_path))
