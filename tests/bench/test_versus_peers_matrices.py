"""EASE and the item neighbours do what their formulas say."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.bench.peers_world import window
from tests.bench.versus_peers import matrices, worker
from tests.bench.versus_peers.window import Window
from tests.tiny import silent

LIMITS = worker.Limits(minutes=1, threads=1, seed=0, say=silent)
KNN = {"neighbours": 50, "shrinkage": 0.0, "weighting": "none", "counting": "once", "own": "left out"}


def dense(found: Window) -> np.ndarray:
    table = np.zeros(found.shape)
    np.add.at(table, (found.user, found.item), 1)
    return table


def best(found: Window, scores: np.ndarray) -> np.ndarray:
    """A second way to the lists of target new."""
    seen = dense(found)[found.asked] > 0
    return np.argsort(np.where(seen | ~found.available, -np.inf, scores[found.asked]), axis=1)[:, ::-1][:, : found.k]


def test_ease_is_a_ridge_regression_of_each_item_on_the_others(shop):
    found, l2 = window(shop, "new"), 7.0
    taken = np.log(np.maximum(dense(found), 1)) + (dense(found) > 0)
    scores = np.zeros(found.shape)
    warm = np.flatnonzero(taken.sum(axis=0))
    for item in warm:
        others = np.setdiff1d(warm, item)
        X = taken[:, others]
        scores[:, item] = X @ np.linalg.solve(X.T @ X + l2 * np.eye(len(others)), X.T @ taken[:, item])
    lists = matrices.ease(found, {"l2": l2, "counting": "log"}, LIMITS).lists
    rows = np.arange(len(lists))[:, None]
    by_list, by_formula = (scores[found.asked][rows, each] for each in (lists, best(found, scores)))
    assert np.allclose(by_list, by_formula, atol=1e-4)


@pytest.mark.parametrize("weighting", ["none", "tf-idf", "bm25"])
def test_item_neighbours_by_the_dense_formula(weighting):
    counts = np.random.default_rng(0).poisson(0.7, (30, 9)).astype(float)
    items = counts.shape[1]
    rarity = np.log(1 + items / np.maximum((counts > 0).sum(axis=1), 1))[:, None]
    length = counts.sum(axis=0) / counts.sum(axis=0).mean()
    weighted = {
        "none": counts,
        "tf-idf": rarity * np.sqrt(counts),
        "bm25": rarity * counts * 2.2 / (1.2 * (0.25 + 0.75 * length) + counts),
    }[weighting]
    expected = np.zeros((items, items))
    for i in range(items):
        cosines = {}
        for j in set(range(items)) - {i}:
            x, y = weighted[:, i], weighted[:, j]
            cosines[j] = x @ y / (np.linalg.norm(x) * np.linalg.norm(y) + 5)
        for j in sorted(cosines, key=cosines.get)[-3:]:
            expected[i, j] = cosines[j]
        expected[i, i] = (x := weighted[:, i]) @ x / (x @ x + 5)
    settings = KNN | {"neighbours": 3, "shrinkage": 5.0, "weighting": weighting, "own": "kept"}
    found = matrices.similarities(csr_array(counts.astype(np.float32)), settings).toarray()
    assert np.allclose(found, expected, atol=1e-5)
    left_out = matrices.similarities(csr_array(counts.astype(np.float32)), settings | {"own": "left out"}).toarray()
    assert np.allclose(left_out, expected - np.diag(np.diag(expected)), atol=1e-5)
