"""What came is set beside what was there before; figures are known where the events are."""

import json
import math

import numpy as np
import polars as pl
import pytest

from pipelines.drift import FILE, Drift
from recsys.data.synthetic import make_world
from recsys.schema import EVENT_COLUMNS


def write(folder, events, items):
    folder.mkdir()
    columns = [pl.lit(None, kind).alias(name) for name, kind in EVENT_COLUMNS.items() if name not in events.columns]
    events.with_columns(columns).select(*EVENT_COLUMNS).write_parquet(folder / "events.parquet")
    items.write_parquet(folder / "items.parquet")
    return folder


@pytest.fixture
def world():
    return make_world(n_users=40, n_items=48)


def halves(world, folder, change=lambda late: late):
    """Inputs before and after: of a world's events every second one, then all, the late ones changed."""
    rows = world.events.with_row_index()
    early, late = (rows.filter(pl.col("index") % 2 == n).drop("index") for n in (0, 1))
    before = write(folder / "before", early, world.items)
    return before, write(folder / "after", pl.concat([early, change(late)]), world.items)


def test_more_of_the_same_is_no_drift(world, tmp_path):
    found = Drift.between(*halves(world, tmp_path))
    assert (found.events, found.against) == (world.events.height // 2, world.events.height - world.events.height // 2)
    assert found.new_users == 0
    assert found.new_items < 0.01
    assert {name for name, each in found.columns.items() if each.psi > 0.1} == set()
    assert {"event", "hour of day, UTC", "item's category", "item's brand", "item's price"} == set(found.columns)


def test_what_has_changed_is_told_and_nothing_else(world, tmp_path):
    views = halves(world, tmp_path, lambda late: late.with_columns(event=pl.lit("view")))
    moved = {name for name, each in Drift.between(*views).columns.items() if each.psi > 0.25}
    assert moved == {"event"}


def test_the_index_is_the_formula(tmp_path):
    items = pl.DataFrame({"item_id": ["x"], "category": ["a"], "brand": [None], "price": [1.0]})
    items = items.cast({"brand": pl.String})
    start = pl.datetime(2026, 1, 1, 12, time_zone="UTC", time_unit="us")
    events = pl.select(n=pl.int_range(100)).select(
        pl.lit("u").alias("user_id"),
        pl.lit("x").alias("item_id"),
        event=pl.when(pl.col("n") % 4 == 0).then(pl.lit("purchase")).otherwise(pl.lit("click")),
        timestamp=start + pl.duration(seconds=pl.col("n")),
    )
    new = events.with_columns(
        event=pl.when(pl.col("event") == "purchase").then(pl.lit("click")).otherwise(pl.lit("purchase")),
        user_id=pl.lit("v"),
    ).head(40)
    found = Drift.between(write(tmp_path / "a", events, items), write(tmp_path / "b", pl.concat([events, new]), items))
    assert (found.events, found.against, found.new_users, found.new_items) == (40, 100, 1, 0)
    p, q = np.array([0.75, 0.25]), np.array([0.25, 0.75])  # clicks, purchases
    assert found.columns["event"].psi == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert found.columns["event"].psi == pytest.approx(math.log(3))
    assert found.columns["event"].chance == pytest.approx(1 / 100 + 1 / 40)
    assert found.columns["item's brand"].psi == found.columns["item's price"].psi == 0
    found.save(tmp_path)
    assert json.loads((tmp_path / FILE).read_text())["columns"]["event"]["psi"] == found.columns["event"].psi
    assert "40 new events, 100.0% of new users, 0.0% on new items" in found.table()


def test_nothing_new_is_told(world, tmp_path):
    before, _ = halves(world, tmp_path)
    found = Drift.between(before, before)
    assert (found.events, found.columns, found.table()) == (0, {}, "no new events")
