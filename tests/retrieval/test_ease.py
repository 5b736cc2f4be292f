from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsys.errors import ArtifactError
from recsys.retrieval.ease import Ease

N_ITEMS = 9
TAKEN = (np.random.default_rng(0).random((50, N_ITEMS)) < np.linspace(0.1, 0.6, N_ITEMS)).astype(np.float32)


def test_weights_are_the_ridge_regression_of_each_item_on_the_others() -> None:
    ease = Ease.of(csr_array(TAKEN), l2=2.0, max_items=99)
    assert ease.items.tolist() == list(range(N_ITEMS))
    assert not np.diag(ease.weights).any()
    for item in range(N_ITEMS):
        others = np.delete(np.arange(N_ITEMS), item)
        x = TAKEN[:, others].astype(np.float64)
        expected = np.linalg.solve(x.T @ x + 2 * np.eye(len(others)), x.T @ TAKEN[:, item])
        assert ease.weights[others, item] == pytest.approx(expected, abs=1e-4)


def test_only_the_most_taken_items_are_covered() -> None:
    ease = Ease.of(csr_array(TAKEN), l2=2.0, max_items=4)
    assert ease.items.tolist() == np.sort(np.argsort(-TAKEN.sum(axis=0), kind="stable")[:4]).tolist()
    scores = ease.scores(csr_array(TAKEN))
    assert not scores[:, np.setdiff1d(np.arange(N_ITEMS), ease.items)].any()


def test_scores_are_the_product_with_the_weights() -> None:
    ease = Ease.of(csr_array(TAKEN), l2=2.0, max_items=5)
    expected = TAKEN[:, ease.items] @ ease.weights
    assert ease.scores(csr_array(TAKEN))[:, ease.items] == pytest.approx(expected, abs=1e-5)


def test_items_nobody_took_are_not_covered() -> None:
    taken = TAKEN.copy()
    taken[:, 3] = 0
    assert 3 not in Ease.of(csr_array(taken), l2=2.0, max_items=99).items
    nothing = Ease.of(csr_array((2, 4), dtype=np.float32), l2=2.0, max_items=99)
    assert not nothing.scores(csr_array(np.ones((1, 4), np.float32))).any()


def test_loaded_weights_are_mapped_and_must_fit_the_catalogue(tmp_path: Path) -> None:
    ease = Ease.of(csr_array(TAKEN), l2=2.0, max_items=5)
    ease.save(tmp_path, "ease")
    loaded = Ease.load(tmp_path, "ease", N_ITEMS)
    assert isinstance(loaded.weights, np.memmap)
    assert loaded.scores(csr_array(TAKEN)).tobytes() == ease.scores(csr_array(TAKEN)).tobytes()
    with pytest.raises(ArtifactError, match="do not form weights between 3 items"):
        Ease.load(tmp_path, "ease", 3)
