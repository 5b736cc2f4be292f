"""What was put counts over the table, whatever the table's ids are made of."""

from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.shelf import Shelf
from recsys.data.formats import RawLog
from recsys.schema import ITEM_COLUMNS
from serving.store import ItemChange, StoreError

LAST = datetime(2026, 1, 2, tzinfo=UTC)
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


def shelf(**told):
    return Shelf.of([ItemChange(number=1, item_id=name, columns=columns) for name, columns in told.items()])


def raw(ids):
    return RawLog(items=pl.DataFrame({"item_id": ids, "price": [1, 2]}), events=pl.DataFrame())


def table(**until):
    rows = [{"item_id": name, "available_until": at} for name, at in until.items()]
    return pl.DataFrame(rows, schema=dict(ITEM_COLUMNS))


EVENTS = pl.DataFrame({"timestamp": [EARLIER, LAST]})


def test_nothing_told_changes_nothing():
    for empty in (Shelf(), shelf()):
        items = table(a=None, b=LAST)
        assert empty.over(items, EVENTS).equals(items)
        assert empty.known_to(raw(["a", "b"])).items.equals(raw(["a", "b"]).items)


@pytest.mark.parametrize("ids", [["a", "3"], [2, 3]])
def test_the_ids_of_what_was_put_join_the_table(ids):
    found = shelf(**{"3": "{}", "z": "{}", "gone": None}).known_to(raw(ids)).items
    assert found.rows() == [(str(ids[0]), 1), ("3", 2), ("z", None)]


def test_a_table_without_ids_is_left_to_who_judges_it():
    for items in (pl.DataFrame({"name": ["a"]}), pl.DataFrame({"item_id": [1.5]})):
        given = RawLog(items=items, events=pl.DataFrame())
        assert shelf(z="{}").known_to(given) is given


def test_what_is_put_again_is_there_again_and_an_earlier_end_stays():
    changes = shelf(a=None, b=None, c='{"title": "cup", "available_until": "2026-01-01T01:00:00+01:00"}')
    found = dict(changes.over(table(a=EARLIER, b=None, d=None), EVENTS).select("item_id", "available_until").rows())
    assert found == {"a": EARLIER, "b": LAST, "c": EARLIER, "d": None}


def test_what_cannot_be_read_is_told():
    with pytest.raises(StoreError, match="An item of the state cannot be read; put it again"):
        shelf(a='{"title": 3}')
