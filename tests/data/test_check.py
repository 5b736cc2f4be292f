"""The figures of a directory, counted by hand."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys.data.check import Finding, check
from recsys.data.config import DataConfig, QualityConfig
from recsys.data.raw_log import RawLog, write_plain
from recsys.data.synthetic import make_world
from recsys.errors import SchemaError

START = datetime(2024, 1, 1, tzinfo=UTC)


def write(folder: Path, events: list[tuple[str, str, str, int]]) -> None:
    items = pl.DataFrame(
        {"item_id": ["a", "b", "c", "d"], "title": ["A", None, "", "D"], "price": [1.0, 2.0, 3.0, None]}
    )
    rows = [(u, i, e, START + timedelta(hours=h)) for u, i, e, h in events]
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "timestamp"], orient="row")
    write_plain(RawLog(items=items, events=table, filtered={"cancellation": 5}), folder)


def test_figures_of_a_small_log(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            ("u", "a", "click", 0),
            ("u", "a", "purchase", 2),
            ("v", "b", "click", 7),
            ("v", "x", "click", 8),
            ("v", "b", "?", 9),
        ],
    )
    got = check(tmp_path)
    assert got.rows == {"items": 4, "events": 5}
    assert got.columns["items"] == {"item_id": "String", "title": "String", "price": "Float64"}
    assert got.filtered == {"cancellation": 5}
    assert got.findings == (
        Finding(
            table="events",
            column="event",
            reason="? is no event role, map it with data.mapping.roles",
            rows=1,
            first_row=5,
        ),
        Finding(table="events", column="item_id", reason="not in items", rows=1, first_row=4),
    )
    assert got.rejected == {"items": 0, "events": 2 / 5}
    assert not got.accepted
    assert got.unknown_items == 1 / 5
    assert (got.users, got.items, got.active_items) == (2, 4, 2)
    assert got.events == {"click": 2, "purchase": 1}
    assert got.sparsity == 1 - 2 / (2 * 2)
    assert (got.first, got.last) == (START, START + timedelta(hours=7))
    assert got.clock == "real"
    assert got.filled == {"item_id": 1, "title": 3 / 4, "price": 3 / 4}
    assert got.without_text == 2 / 4
    json.dumps(asdict(got), default=str)


def test_an_order_is_told_from_a_clock(tmp_path: Path) -> None:
    write(tmp_path, [("uv"[n % 2], "abcd"[n % 4], "click", n) for n in range(40)])
    assert check(tmp_path).clock == "order"
    assert check(tmp_path, data=DataConfig(clock="real")).clock == "real"


def test_a_log_without_one_valid_event_is_still_described(tmp_path: Path) -> None:
    write(tmp_path, [("u", "x", "click", 0)])
    got = check(tmp_path, quality=QualityConfig(max_reject_fraction=1))
    assert (got.users, got.active_items, got.events, got.first, got.last) == (0, 0, {}, None, None)
    assert got.accepted
    assert check(tmp_path, data=DataConfig(clock="order")).clock == "real"


def test_a_good_directory_is_accepted(tmp_path: Path) -> None:
    make_world(n_users=6, n_items=8).write(tmp_path)
    got = check(tmp_path)
    assert (got.accepted, got.findings, got.unknown_items, got.without_text) == (True, (), 0, 0)


def test_errors_are_those_of_reading(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"Expected items\.parquet"):
        check(tmp_path)
