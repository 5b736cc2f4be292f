"""Files with other names, separators and encodings; a shop whose log is all there is."""

from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsys.data.config import MappingConfig
from recsys.data.formats import read_directory
from recsys.data.quality import sift
from recsys.errors import SchemaError

ORDERS = (
    "客户;货号;品名;时间\n"
    "u1;a;红茶 新款;02.01.2024 10:00\n"
    "u1;a;红茶;01.01.2024 10:00\n"
    "u2;b;绿茶;01.01.2024 11:00\n"
    "u2;a;红茶 特价;never\n"
)
MAPPING = MappingConfig(
    files={"items": "订单.csv", "events": "订单.csv"},
    separator=";",
    encoding="gb18030",
    items={"item_id": "货号", "title": "品名"},
    events={"user_id": "客户", "item_id": "货号", "timestamp": "时间"},
    event="purchase",
    time_format="%d.%m.%Y %H:%M",
    timezone="Asia/Shanghai",
)


def test_one_file_in_another_encoding_is_a_shop(tmp_path: Path) -> None:
    (tmp_path / "订单.csv").write_text(ORDERS, encoding="gb18030")
    log = sift(read_directory(tmp_path, MAPPING))
    # a is what its first row in time said, not its first row in the file
    assert log.items.sort("item_id").select("item_id", "title").rows() == [("a", "红茶"), ("b", "绿茶")]
    assert log.events.select("user_id", "item_id", "event").rows() == [
        ("u1", "a", "purchase"),
        ("u1", "a", "purchase"),
        ("u2", "b", "purchase"),
    ]
    assert str(log.events["timestamp"][1]) == "2024-01-01 02:00:00+00:00"
    assert log.rejects.rows() == [("events", 4, "timestamp", "not a time between 1900 and 2199")]


def test_a_file_that_the_mapping_names_comes_first_whatever_its_ending(tmp_path: Path) -> None:
    for name, item in (("items.csv", "old"), ("goods.txt", "new")):
        (tmp_path / name).write_text(f"item_id\n{item}\n")
    pl.DataFrame({"item_id": ["new"]}).write_parquet(tmp_path / "log.parquet")
    raw = read_directory(tmp_path, MappingConfig(files={"items": "goods.txt", "events": "log.parquet"}))
    assert (raw.items["item_id"][0], raw.events["item_id"][0]) == ("new", "new")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id\nu\n")
    mapping = MappingConfig(files={"items": "goods.csv"})
    with pytest.raises(SchemaError, match=r"Expected goods\.csv \(data\.mapping\.files\) in .*, found events"):
        read_directory(tmp_path, mapping)


def test_the_wrong_encoding_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "订单.csv").write_text(ORDERS, encoding="gb18030")
    with pytest.raises(SchemaError, match=r"订单\.csv cannot be read as csv: .* data\.mapping\.encoding"):
        read_directory(tmp_path, MAPPING.model_copy(update={"encoding": "utf8"}))


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected an encoding such as utf8, cp1252 or gb18030, got 'gbx'"):
        MappingConfig(encoding="gbx")


def test_utf8_has_one_name() -> None:
    assert MappingConfig(encoding="UTF-8").encoding == MappingConfig().encoding
