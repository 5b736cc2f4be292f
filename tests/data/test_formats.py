"""Files of every known form give the same two tables; what cannot be read is named."""

from pathlib import Path

import polars as pl
import pytest

from recsys.data.config import MappingConfig
from recsys.data.formats import read_directory
from recsys.errors import SchemaError

ITEMS = pl.DataFrame(
    {"item_id": ["a", "b"], "title": ['Kettle, "red"', "مرحبا 👋"], "price": [1.5, None], "extra": [1, 2]}
)
EVENTS = pl.DataFrame(
    {
        "user_id": ["u", "v"],
        "item_id": ["a", "b"],
        "event": ["buy", "click"],
        "timestamp": ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"],
    }
)


def write(folder: Path, ending: str, items: pl.DataFrame = ITEMS, events: pl.DataFrame = EVENTS) -> None:
    for name, table in {"items": items, "events": events}.items():
        path = folder / f"{name}{ending}"
        {".parquet": table.write_parquet, ".csv": table.write_csv, ".jsonl": table.write_ndjson}[ending](path)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_all_forms_give_the_same_tables(tmp_path: Path, ending: str) -> None:
    write(tmp_path, ending)
    raw = read_directory(tmp_path)
    assert raw.items.columns == ["item_id", "title", "price"]
    assert raw.items["title"].to_list() == ITEMS["title"].to_list()
    assert raw.items["price"].cast(pl.Float64).to_list() == [1.5, None]
    assert raw.events.equals(EVENTS)
    assert (raw.filtered, raw.timezone) == ({}, None)


def test_parquet_comes_before_csv(tmp_path: Path) -> None:
    write(tmp_path, ".csv", items=ITEMS.head(1))
    write(tmp_path, ".parquet")
    assert len(read_directory(tmp_path).items) == 2


def test_tags_in_csv_are_separated_by_bars(tmp_path: Path) -> None:
    write(tmp_path, ".csv", items=pl.DataFrame({"item_id": ["a", "b"], "tags": ["red|steel", None]}))
    assert read_directory(tmp_path).items["tags"].to_list() == [["red", "steel"], None]


def test_a_mapping_renames_columns_and_events(tmp_path: Path) -> None:
    write(tmp_path, ".parquet", ITEMS.rename({"title": "name"}), EVENTS.rename({"user_id": "customer"}))
    mapping = MappingConfig(
        items={"title": "name"}, events={"user_id": "customer"}, roles={"buy": "purchase"}, timezone="UTC"
    )
    raw = read_directory(tmp_path, mapping)
    assert raw.items["title"].to_list() == ITEMS["title"].to_list()
    assert raw.events["user_id"].to_list() == ["u", "v"]
    assert raw.events["event"].to_list() == ["purchase", "click"]
    assert raw.timezone == "UTC"


def test_a_mapping_names_the_event_of_a_log_without(tmp_path: Path) -> None:
    write(tmp_path, ".parquet", events=EVENTS.drop("event"))
    assert read_directory(tmp_path, MappingConfig(event="click")).events["event"].to_list() == ["click", "click"]
    named = MappingConfig(event="seen", roles={"seen": "view"})
    assert read_directory(tmp_path, named).events["event"].to_list() == ["view", "view"]
    assert "event" not in read_directory(tmp_path).events.columns


def test_roles_map_numbers_too_and_leave_other_types_to_the_next_check(tmp_path: Path) -> None:
    mapping = MappingConfig(roles={"1": "view", "2": "click"})
    write(tmp_path, ".parquet", events=EVENTS.with_columns(event=pl.Series([1, 2])))
    assert read_directory(tmp_path, mapping).events["event"].to_list() == ["view", "click"]
    write(tmp_path, ".parquet", events=EVENTS.with_columns(event=pl.Series([["1"], ["2"]])))
    assert read_directory(tmp_path, mapping).events["event"].dtype == pl.List(pl.String)


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        (
            {"titel": "name"},
            r"data\.mapping\.items: expected a column of the plain form, got 'titel'; its columns are item",
        ),
        (
            {"title": "name"},
            r"data\.mapping\.items: expected a column 'name', the table has item_id, title, price, extra",
        ),
    ],
)
def test_a_mapping_that_fits_nothing_is_refused(tmp_path: Path, mapping: dict[str, str], sentence: str) -> None:
    write(tmp_path, ".parquet")
    with pytest.raises(SchemaError, match=sentence):
        read_directory(tmp_path, MappingConfig(items=mapping))


def test_no_directory_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"Expected a directory with items and events at .*none, found nothing; give"):
        read_directory(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(SchemaError, match="found a file"):
        read_directory(tmp_path / "file")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"Expected items\.parquet, \.csv or \.jsonl in .*, found nothing; add"):
        read_directory(tmp_path)
    write(tmp_path, ".csv")
    (tmp_path / "events.csv").unlink()
    with pytest.raises(SchemaError, match=r"Expected events\.parquet, \.csv or \.jsonl in .*, found items\.csv; add"):
        read_directory(tmp_path)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_an_empty_file_is_said_so(tmp_path: Path, ending: str) -> None:
    write(tmp_path, ending)
    (tmp_path / f"events{ending}").write_bytes(b"")
    with pytest.raises(SchemaError, match=rf"events\{ending}"):
        read_directory(tmp_path)


def test_a_corrupt_parquet_is_said_so(tmp_path: Path) -> None:
    write(tmp_path, ".parquet")
    whole = (tmp_path / "events.parquet").read_bytes()
    for broken in (whole[:-20], whole[:10], b"x" * 100, whole[:4] + bytes(len(whole) - 12) + whole[-8:]):
        (tmp_path / "events.parquet").write_bytes(broken)
        with pytest.raises(SchemaError, match=r"events\.parquet cannot be read as parquet: .+; write the file again"):
            read_directory(tmp_path)


def test_a_panic_of_the_reader_is_an_error_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, ".csv")

    def panic(*_: object, **__: object) -> None:
        raise pl.exceptions.PanicException("range end out of bounds")

    monkeypatch.setattr("recsys.data.plain_files.pl.read_csv", panic)
    with pytest.raises(SchemaError, match="cannot be read as csv: range end out of bounds"):
        read_directory(tmp_path)


@pytest.mark.parametrize("line", ["{bad", "[1]", '"text"'])
def test_a_line_that_is_no_json_object_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path, ".jsonl")
    with (tmp_path / "events.jsonl").open("a") as f:
        f.write(f"\n{line}\n")
    with pytest.raises(SchemaError, match=r"events\.jsonl, line 4: expected one JSON object, got"):
        read_directory(tmp_path)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_text_in_another_encoding_is_said_so(tmp_path: Path, ending: str) -> None:
    write(tmp_path, ending)
    path = tmp_path / f"items{ending}"
    path.write_bytes(path.read_bytes().replace(b"Kettle", "Kännchen".encode("latin-1")))
    with pytest.raises(SchemaError, match=r"items\.\w+ cannot be read as \w+: .*text as UTF-8"):
        read_directory(tmp_path)


def test_ragged_csv_is_said_so(tmp_path: Path) -> None:
    write(tmp_path, ".csv")
    (tmp_path / "events.csv").write_text("user_id,item_id\nu,a,3\n")
    with pytest.raises(SchemaError, match=r"events\.csv cannot be read as csv: found more fields"):
        read_directory(tmp_path)


@pytest.mark.parametrize("body", ["{", "[]", '{"a": "x"}', '{"a": null}'])
def test_filtered_counts_that_are_none_are_refused(tmp_path: Path, body: str) -> None:
    write(tmp_path, ".parquet")
    (tmp_path / "filtered.json").write_text(body)
    with pytest.raises(SchemaError, match=r"filtered\.json: expected an object of counts"):
        read_directory(tmp_path)
