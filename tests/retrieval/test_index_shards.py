"""An index made in shards is the one made at once, whoever makes them."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ConfigError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.index_shards import IndexShards
from recsys.schema import FloatArray

N, DIM = 2500, 16
CONFIGS = {
    codes: IndexConfig(factory=f"IVF20,{codes}", ivf_search=6, learned_from=900, shard_items=700, exact_up_to=100)
    for codes in ("SQ8", "Flat", "PQ8")
}
kinds = pytest.mark.parametrize("codes", CONFIGS)


def vectors(seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    rows = np.random.default_rng(9).normal(size=(40, DIM))[rng.integers(0, 40, N)] + 0.4 * rng.normal(size=(N, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def shards(folder: Path, config: IndexConfig, rows: FloatArray | None = None) -> IndexShards:
    np.save(folder / "vectors.npy", vectors() if rows is None else rows)
    (folder / "work").mkdir(exist_ok=True)
    return IndexShards(vectors=folder / "vectors.npy", folder=folder / "work", config=config)


def saved(index: ItemIndex, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    index.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@kinds
def test_shards_in_any_order_make_the_index_made_at_once(codes: str, tmp_path: Path) -> None:
    known = np.arange(N) % 3 > 0
    made = shards(tmp_path, CONFIGS[codes])
    assert list(made.numbers) == [0, 1, 2, 3]  # 2500 / 700
    made.learn(known=known)
    for number in (3, 0, 2, 1):
        made.fill(number)
    merged, at_once = made.merged(), ItemIndex.build(vectors(), CONFIGS[codes], known=known)
    assert saved(merged, tmp_path / "a") == saved(at_once, tmp_path / "b")
    some, other = merged.search(vectors(1)[:50], 40), at_once.search(vectors(1)[:50], 40)
    assert (some.item_idx == other.item_idx).all()
    assert some.score.tobytes() == other.score.tobytes()


def test_other_processes_fill_them_and_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    made = shards(tmp_path, CONFIGS["SQ8"])
    made.learn()
    made.fill(1)
    before = (tmp_path / "work" / "1.faiss").stat().st_mtime_ns
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(made.fill, made.numbers))
    assert (tmp_path / "work" / "1.faiss").stat().st_mtime_ns == before
    assert saved(made.merged(), tmp_path / "a") == saved(ItemIndex.build(vectors(), made.config), tmp_path / "b")
    left = {path.name for path in (tmp_path / "work").iterdir()}
    assert left == {"learned.faiss", *(f"{number}.faiss" for number in range(4))}


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    made = shards(tmp_path, CONFIGS["SQ8"])
    made.learn()
    made.fill(0)
    with pytest.raises(ShapeError, match=r"Expected 4 shards in .*, shard 1 is missing; fill it first\."):
        made.merged()


def test_only_lists_can_be_merged(tmp_path: Path) -> None:
    made = shards(tmp_path, replace_factory("HNSW8,Flat"))
    with pytest.raises(ConfigError, match=r"lists \(IVF\) .*, got HNSW8,Flat for 2500 items; use ItemIndex"):
        made.learn()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (np.zeros((3, 4)), "expected float32"),
        (np.full((N, DIM), np.nan, np.float32), "expected finite vectors"),
        (np.ones((10, DIM), np.float32), "at least 20 items to learn 20 lists from, got 10"),
    ],
)
def test_vectors_that_cannot_be_indexed_are_refused(rows: np.ndarray, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=sentence):
        shards(tmp_path, CONFIGS["SQ8"], rows).learn()


def test_a_shard_is_looked_through_before_it_is_written(tmp_path: Path) -> None:
    made = shards(tmp_path, CONFIGS["SQ8"])
    made.learn()
    broken = vectors()
    broken[800, 3] = np.inf
    np.save(tmp_path / "vectors.npy", broken)
    with pytest.raises(ShapeError, match="NaN or infinity in row 100"):  # 800 is the 101st of shard 1
        made.fill(1)
    assert not (tmp_path / "work" / "1.faiss").exists()


def replace_factory(factory: str) -> IndexConfig:
    return CONFIGS["SQ8"].model_copy(update={"factory": factory})
