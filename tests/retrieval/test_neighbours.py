from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsys.data.interactions import Histories
from recsys.errors import ArtifactError
from recsys.retrieval.config import BehaviourConfig, IndexConfig
from recsys.retrieval.neighbours import ItemItem, alike, alike_with, cosine, near, strongest


def history(*users: list[int]) -> Histories:
    """Users who take the given items one after the other."""
    items = np.array([i for user in users for i in user], np.int32)
    return Histories(
        indptr=np.cumsum([0, *(len(user) for user in users)]).astype(np.int64),
        item_idx=items,
        event=np.full(len(items), 8, np.uint8),
        at=np.arange(len(items), dtype=np.int64),
        value=np.full(len(items), np.nan),
        weight=np.ones(len(items), np.float32),
    )


def test_strongest_keeps_the_largest_positive_entries_off_the_diagonal() -> None:
    dense = np.array([[9, 1, 3, 2], [2, 9, 2, 2], [-1, 0, 9, 4]], np.float32)
    assert strongest(csr_array(dense), 2).toarray().tolist() == [[0, 0, 3, 2], [2, 0, 2, 0], [0, 0, 0, 4]]


def test_strongest_knows_where_a_part_of_the_rows_begins() -> None:
    part = csr_array(np.array([[5, 6, 7]], np.float32))
    assert strongest(part, 3, first_row=1).toarray().tolist() == [[5, 0, 7]]


def test_cosine_counts_pairs_by_takers_and_by_how_much_the_user_took() -> None:
    taken = csr_array(np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 0, 0]], np.float32))
    matrix = cosine(taken, 2).matrix.toarray()
    assert matrix[0, 1] == pytest.approx((1 / np.sqrt(2) + 1 / np.sqrt(3)) / np.sqrt(4 * 2))
    assert matrix[1, 2] == pytest.approx((1 / np.sqrt(3)) / np.sqrt(2 * 1))
    assert np.diag(matrix).tolist() == [0, 0, 0]
    assert matrix == pytest.approx(matrix.T)


def test_cosine_in_parts_of_rows_is_the_dense_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys.retrieval.neighbours._ROWS", 7)
    dense = (np.random.default_rng(0).random((40, 30)) < 0.3).astype(np.float32)
    together = (dense / np.sqrt(dense.sum(axis=1, keepdims=True))).T @ dense
    expected = together / np.sqrt(np.outer(dense.sum(axis=0), dense.sum(axis=0)))
    np.fill_diagonal(expected, 0)
    assert cosine(csr_array(dense), 30).matrix.toarray() == pytest.approx(expected, abs=1e-6)


def test_near_counts_distant_pairs_less_and_ends_with_the_user() -> None:
    config = BehaviourConfig(near_events=2, near_decay=0.5)
    matrix = near(history([0, 1, 2], [1, 0], [3]), 4, config).matrix.toarray()
    assert matrix[0, 1] == pytest.approx(2 / np.sqrt(2 * 2))
    assert matrix[0, 2] == pytest.approx(0.5 / np.sqrt(2 * 1))
    assert matrix == pytest.approx(matrix.T)
    assert matrix[3].sum() == 0


def test_near_of_nothing_is_nothing() -> None:
    assert near(history([]), 3, BehaviourConfig()).matrix.nnz == 0
    assert near(history([1]), 3, BehaviourConfig()).matrix.nnz == 0


def test_alike_is_the_fourth_power_of_the_cosine_around_the_known_items() -> None:
    vectors = np.array([[2, 1], [2, -1], [2, 0.9], [0, 0]], np.float32)
    matrix = alike(vectors, np.array([True, True, False, False]), n=3, config=IndexConfig()).matrix.toarray()
    assert matrix[0, 2] == pytest.approx(1)  # around (2, 0), both point up
    assert matrix[0, 1] == 0  # and this one down
    assert matrix[2, 0] == pytest.approx(1)


def test_scores_spread_the_weights_of_a_history() -> None:
    matrix = ItemItem(matrix=csr_array(np.array([[0, 0.5], [0.25, 0]], np.float32)))
    weights = csr_array(np.array([[2, 0], [1, 4]], np.float32))
    assert matrix.scores(weights).tolist() == [[0, 2 * 0.5], [4 * 0.25, 1 * 0.5]]


def test_a_loaded_matrix_is_equal_and_must_fit_the_catalogue(tmp_path: Path) -> None:
    matrix = cosine(csr_array(np.ones((2, 3), np.float32)), 2)
    matrix.save(tmp_path, "together")
    assert (ItemItem.load(tmp_path, "together", 3).matrix != matrix.matrix).nnz == 0
    with pytest.raises(ArtifactError, match="do not form a matrix of 4 x 4; make it again"):
        ItemItem.load(tmp_path, "together", 4)


def test_an_item_that_is_put_gets_its_nearest_and_they_get_it() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = np.arange(12) < 10
    old = alike(vectors[:10], known[:10], n=3, config=IndexConfig())
    whole = alike(vectors, known, n=3, config=IndexConfig()).matrix.toarray()
    found = alike_with(old, vectors, known, np.array([10, 11], np.int32), n=3).matrix.toarray()
    assert found[10:] == pytest.approx(whole[10:], abs=1e-6)
    assert found[:10, :10].tolist() == old.matrix.toarray().tolist()
    assert found[:10, 10:] == pytest.approx(found[10:, :10].T)


def test_an_item_that_is_replaced_loses_its_old_neighbours() -> None:
    vectors = np.eye(6, dtype=np.float32)[[0, 0, 1, 1, 2, 2]]
    known = np.ones(6, np.bool_)
    old = alike(vectors, known, n=1, config=IndexConfig())
    assert old.matrix.toarray()[0].nonzero()[0].tolist() == [1]
    moved = vectors.copy()
    moved[0] = vectors[2]
    found = alike_with(old, moved, known, np.array([0], np.int32), n=1).matrix.toarray()
    assert found[0].nonzero()[0].tolist() == [2]
    assert found[:, 0].nonzero()[0].tolist() == [2]
    assert found[4:].tolist() == old.matrix.toarray()[4:].tolist()


def test_where_all_are_neighbours_what_is_put_is_as_if_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys.retrieval.neighbours._ITEMS", 2)
    vectors = np.random.default_rng(1).normal(size=(15, 4)).astype(np.float32)
    known = np.arange(15) < 12
    old = alike(vectors[:12], known[:12], n=15, config=IndexConfig())
    moved = vectors.copy()
    moved[[3, 12, 7, 14, 13]] = vectors[[9, 12, 2, 14, 13]] * np.float32(0.5)
    found = alike_with(old, moved, known, np.array([3, 12, 7, 14, 13], np.int32), n=15).matrix
    assert found.has_sorted_indices
    assert found.toarray()[[3, 7, 12, 13, 14]] == pytest.approx(
        alike(moved, known, n=15, config=IndexConfig()).matrix.toarray()[[3, 7, 12, 13, 14]], abs=1e-5
    )
    assert found.toarray() == pytest.approx(found.toarray().T, abs=1e-5)


def test_alike_in_blocks_is_what_it_is_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    known = np.arange(50) % 2 == 0
    for config in (IndexConfig(), IndexConfig(exact_up_to=0, ivf_search=3)):
        monkeypatch.setattr("recsys.retrieval.neighbours._QUERIES", 50)
        at_once = alike(vectors, known, n=4, config=config).matrix
        monkeypatch.setattr("recsys.retrieval.neighbours._QUERIES", 7)
        blocks = alike(vectors, known, n=4, config=config).matrix
        for part in ("indptr", "indices", "data"):
            assert getattr(blocks, part).dtype == getattr(at_once, part).dtype
            assert getattr(blocks, part).tobytes() == getattr(at_once, part).tobytes()


def test_alike_of_some_items_leaves_the_other_rows_empty() -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    whole = alike(vectors, np.ones(20, np.bool_), n=3, config=IndexConfig()).matrix.toarray()
    chosen = np.array([2, 3, 11, 19], np.int32)
    part = alike(vectors, np.ones(20, np.bool_), n=3, config=IndexConfig(), of=chosen).matrix.toarray()
    assert (part[chosen] == whole[chosen]).all()
    assert not np.delete(part, chosen, axis=0).any()
