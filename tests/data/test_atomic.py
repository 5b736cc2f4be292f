"""RecBole's files as the plain form."""

from pathlib import Path

import pytest

from recsys.data import atomic
from recsys.data.config import MappingConfig
from recsys.data.formats import read_directory
from recsys.errors import SchemaError

ATOMIC_ITEMS = 'item_id:token\tmovie_title:token\trelease_year:token\tgenre:token\r\na\tHeat "\t1995\tCrime Drama\r\n'
ATOMIC_EVENTS = "user_id:token\titem_id:token\trating:float\ttimestamp:float\r\nu\ta\t5\t978300760\r\n"


def test_recbole_files_become_ratings_with_years_behind_titles(tmp_path: Path) -> None:
    (tmp_path / "ml.item").write_text(ATOMIC_ITEMS)
    (tmp_path / "ml.inter").write_text(ATOMIC_EVENTS)
    raw = read_directory(tmp_path)
    assert raw.items.rows(named=True) == [{"item_id": "a", "title": 'Heat " (1995)', "category": "Crime Drama"}]
    assert raw.events.rows(named=True) == [
        {"user_id": "u", "item_id": "a", "event": "rating", "timestamp": "978300760", "value": "5"}
    ]


def test_recbole_files_without_ratings_and_years_leave_the_event_to_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "x.item").write_text("item_id:token\ttitle:token_seq\na\tHeat\n")
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\nu\ta\t978300760\n")
    raw = atomic.read(tmp_path)
    assert raw.items["title"].to_list() == ["Heat"]
    assert "event" not in raw.events.columns
    assert read_directory(tmp_path, MappingConfig(event="view")).events["event"].to_list() == ["view"]


def test_a_missing_recbole_item_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "ml.inter").write_text(ATOMIC_EVENTS)
    with pytest.raises(SchemaError, match=r"ml\.item cannot be read as item: No such file"):
        read_directory(tmp_path)
