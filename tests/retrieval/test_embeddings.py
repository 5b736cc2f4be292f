from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.data.catalog import Catalog
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.texts import Texts, digests
from recsys.schema import FloatArray


@dataclass(kw_only=True)
class Lengths:
    """Turns a text into (cos, sin) of its length, and remembers what it was asked."""

    dim: int = 2
    digest: str = "lengths"
    asked: list[str] = field(default_factory=list)

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        self.asked += texts
        n = np.array([len(t) for t in texts], np.float32)
        return np.stack([np.cos(n), np.sin(n)], axis=1)[:, : self.dim]


def catalog(*titles: str) -> Catalog:
    items = pl.DataFrame({"item_id": [str(n) for n in range(len(titles))], "title": list(titles)})
    return Catalog.of(items, text_chars=100)


def test_each_distinct_text_is_encoded_once_and_rows_follow_the_items() -> None:
    encoder = Lengths()
    vectors = ItemVectors.of(catalog("bb", "a", "bb", ""), encoder)
    assert sorted(encoder.asked) == ["", "a", "bb"]
    assert vectors.vectors[:, 0].tolist() == pytest.approx([np.cos(2), np.cos(1), np.cos(2), np.cos(0)])
    assert (len(vectors), vectors.dim, vectors.encoder_digest) == (4, 2, "lengths")


def test_another_catalogue_is_refused() -> None:
    vectors = ItemVectors.of(catalog("a"), Lengths())
    vectors.check(catalog("a"))
    with pytest.raises(ShapeError, match="embed the items again"):
        vectors.check(catalog("b"))


def test_an_encoder_of_another_width_than_it_says_is_refused() -> None:
    encoder = Lengths()
    encoder.dim = 3
    with pytest.raises(ShapeError, match=r"shape \(1, 2\) for 1 texts; expected \(1, 3\)"):
        ItemVectors.of(catalog("a"), encoder)


def test_vectors_must_be_single_precision() -> None:
    with pytest.raises(ShapeError, match="expected float32"):
        ItemVectors(vectors=np.zeros((2, 2)), catalog_digest="c", encoder_digest="e")  # type: ignore[arg-type]


def test_saved_and_loaded_vectors_are_equal(tmp_path: Path) -> None:
    vectors = ItemVectors.of(catalog("a", "bb"), Lengths())
    vectors.save(tmp_path)
    loaded = ItemVectors.load(tmp_path)
    assert (loaded.vectors == vectors.vectors).all()
    loaded.check(catalog("a", "bb"))


def test_a_vector_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    ItemVectors.of(catalog("a", "bb"), Lengths()).save(tmp_path)
    np.save(tmp_path / "vectors.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(ArtifactError, match=r"Expected vectors of shape \[2, 2\]"):
        ItemVectors.load(tmp_path)


def test_vectors_of_texts_are_those_of_their_items(shop, recommender):
    vectors, texts = recommender.vectors, shop.catalog.texts
    found = vectors.of_texts(shop.catalog, [texts[5], texts[2]])
    assert np.array_equal(found, vectors.vectors[[5, 2]])
    with pytest.raises(ShapeError, match="embed the items again"):
        replace(vectors, catalog_digest="x").of_texts(shop.catalog, texts[:1])


def test_texts_stay_with_their_vectors_until_items_are_put(tmp_path: Path) -> None:
    shop = catalog("a", "bb")
    vectors = replace(ItemVectors.of(shop, Lengths()), texts=Texts(digests=digests(shop.texts), reading="r"))
    vectors.save(tmp_path)
    texts = ItemVectors.load(tmp_path).texts
    assert texts is not None
    assert (texts.reading, texts.digests.tolist()) == ("r", digests(["a", "bb"]).tolist())
    grown = shop.put(pl.DataFrame({"item_id": ["1"], "title": ["ccc"]}), text_chars=100)
    assert vectors.put(grown, np.array([1], np.int32), np.ones((1, 2), np.float32)).texts is None
    with pytest.raises(ShapeError, match="Expected the digest of one text an item, got 1 for 2; embed again"):
        replace(vectors, texts=texts.take(np.array([0])))


def test_items_are_compared_where_they_are_few(shop, recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = recommender.vectors
    each = vectors.compared()
    assert each.products is not None
    expected = np.stack([np.einsum("id,d->i", vectors.vectors, row) for row in vectors.vectors])
    assert each.products.tobytes() == expected.tobytes()
    item = np.array([3], np.int32)
    assert each.put(shop.catalog, item, vectors.vectors[item]).products is None  # what it was compared by is gone
    monkeypatch.setattr("recsys.retrieval.embeddings._COMPARED", len(vectors) - 1)
    assert vectors.compared().products is None
