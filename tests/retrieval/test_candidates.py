"""Which candidates lead."""

from itertools import pairwise

import numpy as np

from recsys.retrieval.candidates import SOURCES, Candidates


def test_the_leading_candidates_are_those_of_the_best_places_and_what_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    n, items = 3, 30
    indptr = np.array([0, 12, 12, 20], np.int64)
    item_idx = np.concatenate([np.sort(rng.choice(items, m, replace=False)) for m in (12, 8)]).astype(np.int32)
    scores = rng.random((20, len(SOURCES))).astype(np.float32)
    found = Candidates(
        indptr=indptr,
        item_idx=item_idx,
        sources=rng.integers(1, 1 << len(SOURCES), 20).astype(np.uint16),
        scores=scores,
        best=-np.sort(-rng.random((n, len(SOURCES), 10)), axis=2).astype(np.float32),
    )
    besides = np.zeros((n, items), np.bool_)
    besides[2, item_idx[12:]] = found.fused()[12:] == found.fused()[12:].min()
    kept = found.leading(5, besides=besides)
    assert np.diff(kept.indptr).tolist() == [5, 0, 6]
    for user, (start, end) in enumerate(pairwise(indptr)):
        fused = found.fused()[start:end]
        best = np.sort(np.argsort(-fused, kind="stable")[:5])
        extra = np.flatnonzero(besides[user, item_idx[start:end]])
        entries = start + np.union1d(best, extra).astype(int)
        rows = slice(kept.indptr[user], kept.indptr[user + 1])
        assert kept.item_idx[rows].tolist() == item_idx[entries].tolist()
        assert np.array_equal(kept.scores[rows], scores[entries])
        assert np.array_equal(kept.sources[rows], found.sources[entries])
    assert found.leading(50).item_idx.tolist() == item_idx.tolist()


def test_beside_the_best_even_what_has_nearly_decayed_is_at_most_one() -> None:
    best = np.full((2, len(SOURCES), 1), -np.inf, np.float32)
    best[:, :3, 0] = [[4.0, 1e-39, 1e-44], [0.0, 2e-38, 1.0]]
    scores = np.zeros((3, len(SOURCES)), np.float32)
    scores[:, :3] = [[1.0, 1e-39, 0.0], [4.0, 0.0, 1e-44], [0.0, 1e-38, 0.25]]
    found = Candidates(
        indptr=np.array([0, 2, 3], np.int64),
        item_idx=np.arange(3, dtype=np.int32),
        sources=np.ones(3, np.uint16),
        scores=scores,
        best=best,
    )
    with np.errstate(all="raise", under="ignore"):
        relative = found.relative()
    assert relative.dtype == np.float32
    assert relative.min() == 0
    assert relative.max() == 1
    np.testing.assert_allclose(relative[:, 0], [0.25, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(relative[2, 1:3], [0.5, 0.25], rtol=1e-6)
