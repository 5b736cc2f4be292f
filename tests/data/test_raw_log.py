"""What is written is what is read again."""

from pathlib import Path

import polars as pl

from recsys.data.formats import read_directory
from recsys.data.raw_log import RawLog, write_plain

ITEMS = pl.DataFrame({"item_id": ["a", "b"], "title": ["Kettle", "مرحبا 👋"], "price": [1.5, None]})
EVENTS = pl.DataFrame(
    {
        "user_id": ["u", "v"],
        "item_id": ["a", "b"],
        "event": ["buy", "click"],
        "timestamp": ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"],
    }
)


def test_write_plain_keeps_tables_and_filtered_counts(tmp_path: Path) -> None:
    raw = RawLog(items=ITEMS, events=EVENTS, filtered={"cancellation": 7})
    write_plain(raw, tmp_path)
    again = read_directory(tmp_path)
    assert again.items.equals(raw.items)
    assert again.events.equals(raw.events)
    assert again.filtered == {"cancellation": 7}


def test_write_plain_without_filtered_rows_writes_two_files(tmp_path: Path) -> None:
    write_plain(RawLog(items=ITEMS, events=EVENTS), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.parquet", "items.parquet"]
