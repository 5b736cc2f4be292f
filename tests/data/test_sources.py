"""Sources read as the plain form, with what they leave out counted; the real ones are fetched by the slow tests."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.data import sources
from recsys.data.config import DataConfig, MappingConfig, QualityConfig
from recsys.data.download import Wheel, default_cache
from recsys.data.prepare import prepare
from recsys.data.quality import clean
from recsys.data.sources import available, base_encoder, fetch, open_log, read_source
from recsys.data.synthetic import make_world
from recsys.errors import SchemaError
from recsys.schema import EVENT_COLUMNS, ITEM_COLUMNS

INVOICES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A, TEAPOT ,2,12/1/2010 8:26,3.0,17850,UK
1,A,TEAPOT,1,12/1/2010 8:26,5.0,17850,UK
1,A,TEAPOTS,1,12/1/2010 8:26,10.0,17850,UK
2,B,KITE,4,12/2/2010 9:00,0.5,13047,UK
3,A,TEAPOT BLUE,1,12/9/2011 12:50,9.0,13047,UK
C4,A,TEAPOT,-2,12/3/2010 8:00,3.0,,UK
5,A,TEAPOT,1,12/3/2010 8:00,3.0,,UK
6,A,TEAPOT,0,12/3/2010 8:00,3.0,17850,UK
7,B,KITE,1,12/3/2010 8:00,0,17850,UK
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files where the unpacked wheels would lie."""

    def small(_wheel: Wheel, cache: Path) -> Path:
        return cache

    monkeypatch.setattr(sources, "unpacked", small)
    (tmp_path / "online-retail.csv").write_text(INVOICES)
    (tmp_path / "ml-1m.item").write_text(
        "item_id:token\tmovie_title:token\trelease_year:token\tgenre:token\r\nHeat (1995)\tHeat\t1995\tCrime\r\n"
    )
    (tmp_path / "ml-1m.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\r\n1\tHeat (1995)\t5\t978300760\r\n"
    )
    return tmp_path


def test_known_sources_have_a_name_a_licence_and_a_pin() -> None:
    assert [source.name for source in available()] == ["online-retail", "ml-1m"]
    for source in available():
        assert "(" in source.description
        assert len(source.wheel.sha256) == 64
        assert "==" in source.wheel.requirement


def test_invoices_become_purchases_and_the_rest_is_counted_once(shelf: Path) -> None:
    raw = read_source("online-retail", shelf)
    first = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert raw.events.rows() == [
        ("17850", "A", "purchase", first, 1 * 5.0),
        ("17850", "A", "purchase", first, 2 * 3.0),
        ("17850", "A", "purchase", first, 1 * 10.0),
        ("13047", "B", "purchase", datetime(2010, 12, 2, 9, tzinfo=UTC), 4 * 0.5),
        ("13047", "A", "purchase", datetime(2011, 12, 9, 12, 50, tzinfo=UTC), 1 * 9.0),
    ]
    expected = {"cancellation": 1, "no customer": 1, "quantity not positive": 1, "price not positive": 1}
    assert raw.filtered == expected


def test_an_item_is_what_its_first_sale_said(shelf: Path) -> None:
    assert read_source("online-retail", shelf).items.rows() == [("A", "TEAPOT", 5.0), ("B", "KITE", 0.5)]
    later = INVOICES.replace("TEAPOT BLUE,1,12/9/2011 12:50,9.0", "OTHER WORDS,1,12/9/2011 12:50,99.0")
    before = read_source("online-retail", shelf).items
    (shelf / "online-retail.csv").write_text(later)
    assert read_source("online-retail", shelf).items.equals(before)


def test_ratings_of_films(shelf: Path) -> None:
    raw = read_source("ml-1m", shelf)
    assert raw.items.rows() == [("Heat (1995)", "Heat (1995)", "Crime")]
    assert raw.events.rows() == [("1", "Heat (1995)", "rating", datetime(2000, 12, 31, 22, 12, 40, tzinfo=UTC), 5.0)]


@pytest.mark.parametrize("name", ["online-retail", "ml-1m"])
def test_sources_come_in_the_plain_form(shelf: Path, name: str) -> None:
    raw = read_source(name, shelf)
    assert all(ITEM_COLUMNS[c] == t for c, t in raw.items.schema.items())
    assert all(EVENT_COLUMNS[c] == t for c, t in raw.events.schema.items())
    assert raw.events["timestamp"].is_sorted()


def test_data_is_a_source_or_a_directory(shelf: Path, tmp_path: Path) -> None:
    world = make_world(n_users=4, n_items=8)
    world.write(tmp_path / "own")
    mapping = MappingConfig(roles={"click": "view"})
    assert open_log("online-retail", mapping=mapping, cache=shelf).events.height == 5
    own = open_log(str(tmp_path / "own"), mapping=mapping, cache=shelf)
    assert set(own.events["event"]) == {"view", "purchase"}
    assert fetch("ml-1m", shelf) == base_encoder(shelf) == shelf


@pytest.mark.parametrize(
    ("name", "hint"),
    [("online_retail", "did you mean online-retail?"), ("/no/where", "known sources are online-retail, ml")],
)
def test_data_that_is_neither_is_refused_with_a_hint(name: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=f"Expected a directory or the name of a source, got '{name}'.*{hint[:20]}"):
        open_log(name, mapping=MappingConfig(), cache=tmp_path)


@pytest.mark.slow
def test_the_real_online_retail() -> None:
    raw = read_source("online-retail", default_cache())
    filtered, rows = sum(raw.filtered.values()), 541_909
    assert (raw.events.height, raw.events.height + filtered) == (397_884, rows)
    assert filtered / rows == pytest.approx(0.266, abs=0.001)
    log = clean(raw, QualityConfig(max_reject_fraction=0))
    catalog, interactions = prepare(log, data=DataConfig())
    assert (len(catalog), len(interactions.users)) == (3_665, 4_338)
    assert catalog.items.filter(pl.col("text") == "").is_empty()


@pytest.mark.slow
def test_the_real_movielens() -> None:
    log = clean(read_source("ml-1m", default_cache()), QualityConfig(max_reject_fraction=0))
    assert (log.items.height, log.events.height, log.events["user_id"].n_unique()) == (3_883, 1_000_209, 6_040)
    assert log.items["title"].is_in(["Toy Story (1995)"]).sum() == 1


@pytest.mark.slow
def test_the_real_base_encoder() -> None:
    folder = base_encoder(default_cache())
    assert {"config.json", "model.safetensors", "tokenizer.json", "vocab.txt"} <= {p.name for p in folder.iterdir()}
