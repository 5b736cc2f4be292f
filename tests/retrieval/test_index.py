from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.schema import FloatArray

EXACT, APPROXIMATE = IndexConfig(), IndexConfig(exact_up_to=0)
STORED = {
    "int8": IndexConfig(storage="int8"),
    "int8 hnsw": IndexConfig(storage="int8", exact_up_to=0),
    "pq": IndexConfig(storage="pq", pq_bytes=16),
}
stored = pytest.mark.parametrize("name", STORED)
both = pytest.mark.parametrize("config", [EXACT, APPROXIMATE], ids=["exact", "hnsw"])


def unit(n: int, dim: int = 16, seed: int = 0) -> FloatArray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@both
def test_finds_what_a_sort_of_all_products_finds(config: IndexConfig) -> None:
    items, queries = unit(300), unit(20, seed=1)
    hits = ItemIndex.build(items, config).search(queries, 5)
    expected = np.argsort(-(queries @ items.T), axis=1)[:, :5]
    assert (hits.item_idx == expected).all()
    assert hits.score == pytest.approx(np.take_along_axis(queries @ items.T, expected, axis=1), abs=1e-6)


def test_size_decides_between_exact_and_approximate() -> None:
    assert ItemIndex.build(unit(10), IndexConfig(exact_up_to=10)).exact
    assert not ItemIndex.build(unit(11), IndexConfig(exact_up_to=10)).exact


@both
def test_more_than_there_are_is_padded_with_minus_one(config: IndexConfig) -> None:
    hits = ItemIndex.build(unit(3), config).search(unit(2, seed=1), 5)
    assert (np.sort(hits.item_idx[:, :3]) == [0, 1, 2]).all()
    assert (hits.item_idx[:, 3:] == -1).all()
    assert np.isneginf(hits.score[:, 3:]).all()


@both
def test_only_allowed_items_are_found_and_none_if_none_is(config: IndexConfig) -> None:
    index, query = ItemIndex.build(unit(100), config), unit(1, seed=1)
    allowed = np.arange(100) % 7 == 3
    hits = index.search(query, 20, allowed=allowed)
    assert set(hits.item_idx[0]) - {-1} == set(np.flatnonzero(allowed))
    assert (index.search(query, 4, allowed=np.zeros(100, np.bool_)).item_idx == -1).all()


@both
def test_a_query_is_answered_alike_alone_and_among_many(config: IndexConfig) -> None:
    index, queries = ItemIndex.build(unit(500, 384), config), unit(64, 384, seed=1)
    together = index.search(queries, 10)
    for row, query in enumerate(queries):
        alone = index.search(query[None], 10)
        assert (alone.item_idx[0] == together.item_idx[row]).all()
        assert alone.score[0].tobytes() == together.score[row].tobytes()


def test_no_items_and_no_queries_are_fine() -> None:
    assert ItemIndex.build(np.zeros((0, 4), np.float32), EXACT).search(unit(1, 4), 3).item_idx.tolist() == [[-1] * 3]
    assert ItemIndex.build(unit(3, 4), EXACT).search(unit(0, 4), 3).item_idx.shape == (0, 3)


@both
def test_added_items_come_after_and_removed_ones_are_gone(config: IndexConfig) -> None:
    items = unit(50)
    index = ItemIndex.build(items[:40], config).remove(np.array([7], np.int32)).add(items[40:])
    assert index.search(items[45:46], 1).item_idx.tolist() == [[45]]
    assert 7 not in index.search(items[7:8], 50).item_idx
    assert len(index) == 50


def test_queries_of_another_width_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected queries \(n, 16\), got \(1, 4\)"):
        ItemIndex.build(unit(3), EXACT).search(unit(1, 4), 1)


def test_double_precision_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected float32"):
        ItemIndex.build(np.zeros((2, 2)), EXACT)  # type: ignore[arg-type]


@both
def test_a_loaded_index_finds_the_same(config: IndexConfig, tmp_path: Path) -> None:
    items = unit(60)
    index = ItemIndex.build(items, config).remove(np.array([3], np.int32))
    index.save(tmp_path)
    loaded = ItemIndex.load(tmp_path, items)
    assert (loaded.search(items, 5).item_idx == index.search(items, 5).item_idx).all()
    assert loaded.exact == index.exact


def test_an_index_of_other_vectors_is_refused(tmp_path: Path) -> None:
    ItemIndex.build(unit(6), EXACT).save(tmp_path)
    with pytest.raises(ArtifactError, match=r"Expected an index over vectors of shape \(7, 16\)"):
        ItemIndex.load(tmp_path, unit(7))


def clustered(n: int, seed: int) -> FloatArray:
    """Unit rows around 60 centres, as item texts are."""
    rng = np.random.default_rng(seed)
    rows = unit(60, 64)[rng.integers(0, 60, n)] + rng.normal(size=(n, 64)) / 12
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@stored
def test_fewer_bits_find_nearly_what_an_exact_search_finds(name: str, tmp_path: Path) -> None:
    items, queries = clustered(4000, 1), clustered(100, 2)
    exact = ItemIndex.build(items, EXACT).search(queries, 20)
    index = ItemIndex.build(items, STORED[name])
    hits = index.search(queries, 20)
    recall = np.mean([len(np.intersect1d(a, b)) / 20 for a, b in zip(hits.item_idx, exact.item_idx, strict=True)])
    assert recall > {"int8": 0.97, "int8 hnsw": 0.97, "pq": 0.6}[name]
    assert index.exact == (name != "int8 hnsw")
    index.save(tmp_path)
    links = 0 if index.exact else 4000 * (2 * 32 + 3) * 4
    bytes_a_vector = ((tmp_path / "index.faiss").stat().st_size - links) / 4000
    assert bytes_a_vector < {"int8": 70, "int8 hnsw": 80, "pq": 48}[name]
    assert (ItemIndex.load(tmp_path, items).search(queries, 20).item_idx == hits.item_idx).all()


@stored
def test_fewer_bits_obey_the_same_rules(name: str) -> None:
    items, queries = clustered(600, 1), clustered(10, 2)
    index = ItemIndex.build(items, STORED[name])
    allowed = np.arange(600) % 7 == 3
    assert allowed[index.search(queries, 20, allowed=allowed).item_idx].all()
    together = index.search(queries, 10)
    alone = [index.search(query[None], 10) for query in queries]
    assert all(one.score[0].tobytes() == together.score[row].tobytes() for row, one in enumerate(alone))
    grown = index.remove(np.array([7], np.int32)).add(items[:2])
    assert 7 not in grown.search(items[7:8], 50).item_idx
    assert {0, 600} <= set(grown.search(items[:1], 50).item_idx[0])


def test_ranges_are_those_of_known_items() -> None:
    items = clustered(300, 1)
    known = np.arange(300) < 200
    later = items.copy()
    later[200:] *= 100
    config = STORED["int8"]
    query = clustered(1, 2)
    usual = ItemIndex.build(items, config, known=known).search(query, 300, allowed=known)
    foreign = ItemIndex.build(later, config, known=known).search(query, 300, allowed=known)
    assert (usual.score == foreign.score).all()
    assert (usual.score != ItemIndex.build(later, config).search(query, 300, allowed=known).score).any()


def test_too_few_items_or_an_odd_width_for_product_quantisation() -> None:
    with pytest.raises(ShapeError, match=r"Expected at least 256 items to learn product quantisation from, got 255"):
        ItemIndex.build(unit(255, 32), IndexConfig(storage="pq", pq_bytes=16))
    with pytest.raises(ShapeError, match=r"width retrieval.index.pq_bytes = 12 divides, got 32; choose another"):
        ItemIndex.build(unit(256, 32), IndexConfig(storage="pq", pq_bytes=12))
