"""Items in the order of their ids, one text definition, and no altered file loaded."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.catalog import Catalog, item_text
from recsys.data.synthetic import make_world
from recsys.errors import ArtifactError
from recsys.schema import ITEM_COLUMNS

ITEMS = pl.DataFrame(
    {
        "item_id": ["b", "a", "c"],
        "title": ["Kettle", None, ""],
        "category": ["kitchen", "  ", None],
        "tags": [["red", None, "steel"], [], None],
        "description": ["<b>Boils</b>", None, "Word"],
    }
)


def test_items_are_sorted_and_numbered_and_missing_columns_null() -> None:
    catalog = Catalog.of(ITEMS, text_chars=100)
    assert catalog.items["item_id"].to_list() == ["a", "b", "c"]
    assert catalog.items["item_idx"].to_list() == [0, 1, 2]
    assert catalog.items["price"].null_count() == len(catalog) == 3
    assert catalog.vocabulary.encode(["c", "zzz"]).tolist() == [2, -1]


def test_text_joins_what_is_there_and_is_cut() -> None:
    assert Catalog.of(ITEMS, text_chars=100).texts == ["", "Kettle. kitchen. red, steel. Boils", "Word"]
    assert Catalog.of(ITEMS, text_chars=6).texts == ["", "Kettle", "Word"]


def test_digest_depends_on_ids_and_texts_not_on_prices() -> None:
    catalog = Catalog.of(ITEMS, text_chars=100)
    priced = Catalog.of(ITEMS.with_columns(price=pl.lit(1.0)), text_chars=100)
    renamed = Catalog.of(ITEMS.with_columns(item_id=pl.col("item_id") + "x"), text_chars=100)
    assert catalog.digest == priced.digest != renamed.digest
    assert catalog.digest != Catalog.of(ITEMS, text_chars=6).digest


def test_an_item_is_known_once_seen_or_created() -> None:
    made = datetime(2024, 1, 2, tzinfo=UTC)
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "created_at": [made, made, None]}).with_columns(
        pl.col("created_at").cast(ITEM_COLUMNS["created_at"])
    )
    catalog, at = Catalog.of(items, text_chars=10), int(made.timestamp() * 1_000_000)
    seen = np.array([False, True, False])
    assert catalog.known_before(at, seen).tolist() == [False, True, False]
    assert catalog.known_before(at + 1, seen).tolist() == [True, True, False]


texts = st.none() | st.text(max_size=40) | st.sampled_from(["<b>x</b>", "['a', 'b']", '"x ""y"""', "a &amp; b"])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "title": texts,
            "description": texts,
            "category": texts,
            "brand": texts,
            "tags": st.none() | st.lists(texts, max_size=3),
        }
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40)
@given(rows, st.integers(1, 60))
def test_one_item_alone_has_the_text_of_the_catalogue(items: list[dict[str, object]], text_chars: int) -> None:
    numbered = [{"item_id": str(i), **item} for i, item in enumerate(items)]
    schema = {c: ITEM_COLUMNS[c] for c in numbered[0]}
    catalog = Catalog.of(pl.DataFrame(numbered, schema=schema), text_chars=text_chars)
    assert [item_text(item, text_chars=text_chars) for item in numbered] == catalog.texts
    assert all(len(text) <= text_chars for text in catalog.texts)


def test_save_and_load_give_the_same_catalogue_and_the_same_bytes(tmp_path: Path) -> None:
    catalog = Catalog.of(make_world(n_users=4, n_items=8).items, text_chars=600)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        catalog.save(tmp_path / name)
    loaded = Catalog.load(tmp_path / "a")
    assert loaded.items.equals(catalog.items)
    assert (loaded.vocabulary, loaded.digest) == (catalog.vocabulary, catalog.digest)
    for file in ("items.parquet", "catalog.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_other_items_than_the_digest_was_made_of_are_refused(tmp_path: Path) -> None:
    Catalog.of(ITEMS, text_chars=100).save(tmp_path)
    Catalog.of(ITEMS, text_chars=6).items.write_parquet(tmp_path / "items.parquet")
    with pytest.raises(ArtifactError, match=r"expected the catalogue .* make the catalogue again"):
        Catalog.load(tmp_path)


def test_items_out_of_order_are_refused(tmp_path: Path) -> None:
    catalog = Catalog.of(ITEMS, text_chars=100)
    catalog.save(tmp_path)
    shifted = catalog.items.with_columns(pl.col("item_idx") + 1)
    shifted.write_parquet(tmp_path / "items.parquet")
    with pytest.raises(ArtifactError, match="make the catalogue again"):
        Catalog.load(tmp_path)


def test_missing_columns_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"Expected a table in .*items\.parquet"):
        Catalog.load(tmp_path)
    catalog = Catalog.of(ITEMS, text_chars=100)
    catalog.save(tmp_path)
    catalog.items.drop("price").write_parquet(tmp_path / "items.parquet")
    with pytest.raises(ArtifactError, match="expected the columns item_idx, item_id"):
        Catalog.load(tmp_path)


def test_items_that_are_put_come_last_or_replace_and_leave_the_others_their_place():
    old = Catalog.of(pl.DataFrame({"item_id": ["b", "a"], "title": ["old b", "old a"]}), text_chars=99)
    new = old.put(pl.DataFrame({"item_id": ["c", "b", "0"], "title": ["c", None, "nought"]}), text_chars=99)
    assert new.vocabulary.ids == ("a", "b", "c", "0")
    assert new.items["item_idx"].to_list() == [0, 1, 2, 3]
    assert new.texts == ["old a", "", "c", "nought"]
    assert old.texts == ["old a", "old b"]
    assert new.digest != old.digest
    assert (
        new.digest
        != old.put(pl.DataFrame({"item_id": ["c", "b", "0"], "title": ["c", "", "one"]}), text_chars=99).digest
    )


def test_the_text_of_what_is_put_is_cut_as_all_are():
    old = Catalog.of(pl.DataFrame({"item_id": ["a"]}), text_chars=3)
    assert old.put(pl.DataFrame({"item_id": ["b"], "title": ["teapot"]}), text_chars=3).texts == ["", "tea"]
