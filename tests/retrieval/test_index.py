import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.index_plan import Plan
from recsys.retrieval.index_segment import Hits, Segment
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray

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


KINDS = {
    "flat": EXACT,
    "int8": STORED["int8"],
    "pq": STORED["pq"],
    "hnsw": APPROXIMATE,
    "ivf int8": IndexConfig(factory="IVF20,SQ8", ivf_search=3),
    "ivf pq": IndexConfig(factory="IVF20,PQ16", ivf_search=3),
}
kinds = pytest.mark.parametrize("name", KINDS)
ITEMS = clustered(400, 3)


def numbers(*item_idx: int) -> IntArray:
    return np.array(item_idx, np.int32)


def changed(index: ItemIndex) -> ItemIndex:
    """One item new, one removed, one given the vector of another."""
    return index.add(-ITEMS[:1]).remove(numbers(7)).update(numbers(8), ITEMS[9:10])


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many vectors an index was filled anew with, each time."""
    sizes, refilled = [], Segment.refilled

    def counted(segment: Segment, rows: IntArray, vectors: FloatArray) -> Segment:
        sizes.append(len(rows))
        return refilled(segment, rows, vectors)

    monkeypatch.setattr(Segment, "refilled", counted)
    return sizes


@kinds
def test_a_change_is_seen_at_once_and_the_old_index_answers_as_before(name: str) -> None:
    old = ItemIndex.build(ITEMS, KINDS[name])
    before = old.search(ITEMS, 30)
    new = changed(old)
    assert (len(old), len(new)) == (400, 401)
    assert new.search(-ITEMS[:1], 1).item_idx.tolist() == [[400]]
    assert 7 not in new.search(ITEMS[7:8], 401).item_idx
    assert {8, 9} <= set(new.search(ITEMS[9:10], 20).item_idx[0])
    after = old.search(ITEMS, 30)
    assert after.item_idx.tobytes() == before.item_idx.tobytes()
    assert after.score.tobytes() == before.score.tobytes()


@kinds
def test_a_few_changes_wait_and_more_fill_the_index_anew(name: str, filled: list[int]) -> None:
    config = KINDS[name].model_copy(update={"compact_share": 0.01})
    waiting = changed(ItemIndex.build(ITEMS, config))  # 2 passed over + 2 beside the 400: 4 of 402
    assert filled == []
    index = waiting.remove(numbers(1))  # 5 of 402
    assert filled == [399]  # 400 + 1 - 2
    assert (index.alive == ~np.isin(np.arange(401), [1, 7])).all()
    assert index.search(-ITEMS[:1], 1).item_idx.tolist() == [[400]]
    assert {8, 9} <= set(index.search(ITEMS[9:10], 20).item_idx[0])
    assert not np.isin(index.search(ITEMS, 401).item_idx, [1, 7]).any()
    assert index.update(numbers(7), -ITEMS[5:6]).search(-ITEMS[5:6], 1).item_idx.tolist() == [[7]]


def test_the_share_decides_when_the_index_is_filled_anew(filled: list[int]) -> None:
    never, always = (ItemIndex.build(ITEMS, IndexConfig(compact_share=share)) for share in (1, 0))
    emptied = never.add(ITEMS).remove(np.arange(800, dtype=np.int32))
    assert filled == []
    assert (emptied.compact().search(ITEMS[:2], 3).item_idx == -1).all()
    assert filled == [0]
    always.remove(numbers(0))
    assert filled == [0, 399]


@kinds
def test_all_removed_items_are_gone_until_one_comes_back(name: str) -> None:
    index = ItemIndex.build(ITEMS, KINDS[name]).remove(np.arange(400, dtype=np.int32))
    assert (index.search(ITEMS[:2], 5).item_idx == -1).all()
    assert not index.alive.any()
    assert not index.vectors.any()
    assert index.recall(ITEMS[:2], 5) == 1
    back = index.update(numbers(9), ITEMS[9:10])
    assert back.search(ITEMS[:1], 3).item_idx.tolist() == [[9, -1, -1]]
    assert np.flatnonzero(back.alive).tolist() == [9]
    assert np.flatnonzero(back.vectors.any(axis=1)).tolist() == [9]


@kinds
def test_an_empty_index_answers_grows_and_is_saved(name: str, tmp_path: Path) -> None:
    empty = ItemIndex.build(ITEMS[:0], KINDS[name])
    assert empty.search(ITEMS[:1], 2).item_idx.tolist() == [[-1, -1]]
    assert empty.remove(numbers()).recall(ITEMS[:1], 2) == empty.built_recall == 1
    grown = empty.add(ITEMS[:3])
    assert sorted(grown.search(ITEMS[:1], 3).item_idx[0]) == [0, 1, 2]
    empty.save(tmp_path)
    assert ItemIndex.load(tmp_path, ITEMS[:0]).search(ITEMS[:1], 1).item_idx.tolist() == [[-1]]


@kinds
def test_a_query_of_any_length_is_answered(name: str) -> None:
    index = ItemIndex.build(ITEMS, KINDS[name])
    hits, longer = index.search(ITEMS[:20], 5), index.search(1024 * ITEMS[:20], 5)
    assert (longer.item_idx == hits.item_idx).all()
    assert longer.score == pytest.approx(1024 * hits.score)
    assert (index.search(0 * ITEMS[:1], 5).item_idx >= 0).all()
    assert index.search(ITEMS[:1], 0).item_idx.shape == (1, 0)
    assert (index.search(ITEMS[:1], 5, allowed=np.zeros(400, np.bool_)).item_idx == -1).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda i: i.remove(numbers(2, 400)), r"expected item_idx below 400, got 400; `add` new items first"),
        (lambda i: i.update(numbers(-1), ITEMS[:1]), r"expected item_idx below 400, got -1; `add` new items first"),
        (lambda i: i.remove(np.zeros(400, np.bool_)), r"expected item_idx as whole numbers, got bool"),
        (lambda i: i.update(numbers(3, 4, 3), ITEMS[:3]), r"expected each item once, got item_idx 3 twice"),
        (lambda i: i.update(numbers(3, 4), ITEMS[:1]), r"expected vectors \(2, 64\), got \(1, 64\)"),
        (lambda i: i.add(ITEMS[:2, :5]), r"expected vectors \(2, 64\), got \(2, 5\)"),
        (lambda i: i.add(ITEMS[:2].astype(np.float64)), r"expected float32 vectors, got float64"),
        (lambda i: i.add(ITEMS[:2] * np.inf), r"expected finite vectors, got NaN or infinity in row 0"),
        (
            lambda i: i.search(np.where(np.arange(400)[:, None] == 1, np.nan, ITEMS), 3),
            r"expected finite queries, .* in row 1",
        ),
        (lambda i: i.search(ITEMS[0], 3), r"expected queries \(n, 64\), got \(64,\)"),
        (lambda i: i.search(ITEMS, -1), r"expected k of at least 0, got -1"),
        (
            lambda i: i.search(ITEMS, 1, allowed=np.ones(3, np.bool_)),
            r"expected `allowed` bool \(400,\), got bool \(3,\)",
        ),
        (lambda i: i.recall(ITEMS, 1, allowed=np.ones(400)), r"expected `allowed` bool \(400,\), got float64 \(400,\)"),
        (lambda i: ItemIndex.build(ITEMS * np.nan, EXACT), r"expected finite vectors, got NaN or infinity in row 0"),
    ],
)
def test_what_cannot_be_answered_is_told(change: Callable[[ItemIndex], object], sentence: str) -> None:
    with pytest.raises(ShapeError, match=f"ItemIndex: {sentence}"):
        change(ItemIndex.build(ITEMS, EXACT))


@kinds
def test_recall_is_the_share_of_true_neighbours_found(name: str, tmp_path: Path) -> None:
    items, queries = clustered(2000, 4), clustered(50, 5)
    index = ItemIndex.build(items, KINDS[name])
    true = np.argsort(-(queries @ items.T), axis=1)[:, :100]
    found = index.search(queries, 100).item_idx
    expected = np.mean([np.isin(a, b).mean() for a, b in zip(true, found, strict=True)])
    assert index.recall(queries, 100) == pytest.approx(expected, abs=1e-3)
    # 3 of 20 lists hold little more than the 200 that are counted
    assert {"flat": 1, "int8": 0.95, "pq": 0.6, "hnsw": 0.95}.get(name, 0.4) <= index.built_recall <= 1
    index.save(tmp_path)
    assert ItemIndex.load(tmp_path, items).built_recall == index.built_recall


def test_recall_falls_where_less_is_looked_at_and_counts_what_is_allowed() -> None:
    items, queries = clustered(2000, 4), clustered(50, 5)
    settings = [IndexConfig(factory="IVF5,SQ8", ivf_search=lists, exact_up_to=100, least_recall=0) for lists in (1, 4)]
    little, much = (ItemIndex.build(items, config) for config in settings)
    assert little.built_recall < 0.9 < much.built_recall
    assert little.recall(queries, 50) < 0.9 < much.recall(queries, 50)
    few = np.arange(2000) < 100  # of so many, each is looked at
    assert little.recall(queries, 50, allowed=few) == 1


def test_an_index_that_finds_too_little_looks_at_twice_as_much_until_it_does() -> None:
    items, queries = clustered(2000, 4), clustered(50, 5)
    config = IndexConfig(factory="IVF5,SQ8", ivf_search=1, exact_up_to=0)
    fixed = [config.model_copy(update={"least_recall": 0, "ivf_search": lists}) for lists in (1, 2, 4)]
    as_told, *more = (ItemIndex.build(items, each) for each in fixed)
    index = ItemIndex.build(items, config)
    assert [each.plan.effort for each in (as_told, *more)] == [1, 2, 4]
    assert as_told.built_recall < more[0].built_recall < more[1].built_recall < 0.95 <= index.built_recall
    assert index.plan.effort == 5  # there are no eight
    assert index.recall(queries, 100) > as_told.recall(queries, 100)
    assert index.compact().plan == index.plan


def test_an_index_whose_codes_tell_too_little_is_left_as_it_is() -> None:
    config = IndexConfig(factory="IVF20,PQ4", ivf_search=20, exact_up_to=0)
    index = ItemIndex.build(clustered(2000, 4), config)
    assert index.built_recall < 0.95
    assert index.plan == Plan.of(2000, clustered(2000, 4).shape[1], config)


def test_what_looks_at_vectors_as_they_are_needs_no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Segment, "compare", lambda *_: pytest.fail("measured"))
    index = ItemIndex.build(ITEMS, EXACT)
    assert index.built_recall == index.recall(ITEMS, 5) == 1


@kinds
def test_a_changed_index_is_saved_as_it_is(name: str, tmp_path: Path) -> None:
    for compacted, folder in ((False, tmp_path / "waiting"), (True, tmp_path / "compacted")):
        folder.mkdir()
        index = changed(ItemIndex.build(ITEMS, KINDS[name]))
        index = index.compact() if compacted else index
        index.save(folder)
        loaded = ItemIndex.load(folder, index.vectors)
        assert (loaded.alive == index.alive).all()
        assert loaded.plan == index.plan
        for one in (loaded, loaded.remove(numbers(400))):
            hits = one.search(ITEMS, 50)
            expected = (index if one is loaded else index.remove(numbers(400))).search(ITEMS, 50)
            assert hits.item_idx.tobytes() == expected.item_idx.tobytes()
            assert hits.score.tobytes() == expected.score.tobytes()


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    changed(ItemIndex.build(ITEMS, EXACT)).save(tmp_path)
    np.save(tmp_path / "aside.npy", numbers(3, 400))
    with pytest.raises(ArtifactError, match=r"aside.npy: expected no items that live.npy has too; index again"):
        ItemIndex.load(tmp_path, clustered(401, 3))


def naive(hits: Hits, queries: FloatArray, vectors: FloatArray, permitted: BoolArray, k: int) -> DoubleArray:
    """Checks what must hold for every kind of index, and gives the products of what was found."""
    products = np.where(permitted, queries.astype(np.float64) @ vectors.T.astype(np.float64), -np.inf)
    depth = min(k, int(permitted.sum()))
    found, rest = hits.item_idx[:, :depth], hits.item_idx[:, depth:]
    assert hits.item_idx.shape == hits.score.shape == (len(queries), k)
    assert permitted[found].all()
    assert all(len(np.unique(row)) == depth for row in found)
    assert (rest == -1).all()
    assert np.isneginf(hits.score[:, depth:]).all()
    assert (np.diff(hits.score[:, :depth], axis=1) <= 0).all()
    return np.take_along_axis(products, found, 1)


def compare(name: str, index: ItemIndex, vectors: FloatArray, alive: BoolArray, rng: np.random.Generator) -> None:
    """One search, beside a sort of all products: whole numbers, whose products are what they are in any precision."""
    queries = rng.integers(-3, 4, (2, 16)).astype(np.float32)
    k = int(rng.choice([1, 5, 17, len(alive) + 3]))
    allowed = rng.random(len(alive)) < rng.choice([0, 0.02, 0.3, 0.9, 1])
    hits = index.search(queries, k, allowed=allowed)
    products = naive(hits, queries, vectors, alive & allowed, k)
    if name not in ("int8", "pq"):
        assert (hits.score[:, : products.shape[1]] == products).all()
    if name == "flat":
        every = np.where(alive & allowed, queries.astype(np.float64) @ vectors.T, -np.inf)
        assert (products == -np.sort(-every, axis=1)[:, : products.shape[1]]).all()
    assert (index.alive == alive).all()


def play(name: str, share: float, operations: int) -> None:
    """Random changes and searches, beside arrays that are changed in place; indexes held from before still answer."""
    rng = np.random.default_rng(operations)

    def draw(n: int) -> FloatArray:
        return rng.integers(-3, 4, (n, 16)).astype(np.float32)

    vectors = draw(300)
    alive = np.ones(300, np.bool_)
    index = ItemIndex.build(vectors, KINDS[name].model_copy(update={"compact_share": share}))
    held = [(index, vectors, alive)]
    for step in range(operations):
        some = rng.choice(len(alive), rng.integers(0, 6), replace=False).astype(np.int32)
        match rng.choice(["add", "update", "remove", "search", "compact"], p=[0.2, 0.2, 0.25, 0.34, 0.01]):
            case "add":
                more = draw(len(some))
                index, vectors = index.add(more), np.concatenate([vectors, more])
                alive = np.concatenate([alive, np.ones(len(more), np.bool_)])
            case "update":
                vectors, alive = vectors.copy(), alive.copy()
                vectors[some], alive[some] = draw(len(some)), True
                index = index.update(some, vectors[some])
            case "remove":
                alive = alive.copy()
                alive[some] = False
                index = index.remove(some)
            case "compact":
                index = index.compact()
            case _:
                compare(name, index, vectors, alive, rng)
        if step % 50 == 0:
            held = [*held[-3:], (index, vectors, alive)]
            for one in held:
                compare(name, *one, rng)
    assert (index.vectors == np.where(alive[:, None], vectors, 0)).all()


@kinds
@pytest.mark.parametrize("share", [0.1, 1])
def test_random_changes_and_searches_are_those_of_a_naive_model(name: str, share: float) -> None:
    play(name, share, 300)


@pytest.mark.prove
@kinds
@pytest.mark.parametrize("share", [0.1, 1])
def test_ten_thousand_changes_and_searches_are_those_of_a_naive_model(name: str, share: float) -> None:
    play(name, share, 10_000)


@kinds
def test_a_thread_may_search_the_old_index_while_another_changes_it(name: str) -> None:
    index = ItemIndex.build(ITEMS, KINDS[name])
    before, stop, same = index.search(ITEMS[:50], 20), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            hits = index.search(ITEMS[:50], 20)
            same.append(hits.item_idx.tobytes() == before.item_idx.tobytes())

    reader = threading.Thread(target=read)
    reader.start()
    newest = index
    for item in range(100):
        newest = newest.update(numbers(item), ITEMS[item + 1 : item + 2]).remove(numbers(item + 200))
    stop.set()
    reader.join()
    assert all(same)
    assert len(same) > 0
