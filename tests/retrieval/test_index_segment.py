"""One part of an index: what a filter leaves is found whatever the index, and nothing is changed under a reader."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval import index_segment
from recsys.retrieval.index_plan import Plan
from recsys.retrieval.index_segment import Hits, Segment
from recsys.schema import BoolArray, FloatArray

N, DIM, GROUPS = 3000, 16, 30

PLANS = {
    "flat": Plan(factory="Flat", effort=0),
    "hnsw": Plan(factory="HNSW16,Flat", effort=64),
    "hnsw int8": Plan(factory="HNSW16,SQ8", effort=64),
    "ivf": Plan(factory="IVF60,Flat", effort=4),
    "ivf int8": Plan(factory="IVF60,SQ8", effort=4),
    "ivf pq": Plan(factory="IVF60,PQ8", effort=4),
}
every = pytest.mark.parametrize("name", PLANS)
approximate = pytest.mark.parametrize("name", [name for name in PLANS if name != "flat"])


@cache
def groups() -> np.ndarray:
    return np.random.default_rng(1).integers(0, GROUPS, N)


@cache
def vectors(n: int = N, seed: int = 2) -> FloatArray:
    """Unit rows around a centre for each group."""
    rng = np.random.default_rng(seed)
    group = groups()[:n] if seed == 2 else rng.integers(0, GROUPS, n)
    rows = np.random.default_rng(0).normal(size=(GROUPS, DIM))[group] + 0.5 * rng.normal(size=(n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


QUERIES = vectors(40, seed=3)


@pytest.fixture(scope="module")
def built() -> dict[str, Segment]:
    rows = np.arange(N, dtype=np.int32)
    return {name: Segment.of(rows, vectors(), plan) for name, plan in PLANS.items()}


def nearest(queries: FloatArray, k: int, allowed: BoolArray) -> np.ndarray:
    scores = np.where(allowed, queries.astype(np.float64) @ vectors().T, -np.inf)
    return np.argsort(-scores, axis=1)[:, :k]


def recall(hits: Hits, true: np.ndarray) -> float:
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(true, hits.item_idx, strict=True)]))


@every
def test_scores_are_products_of_the_vectors_as_they_are(built, name):
    hits = built[name].search(QUERIES, 20, None)
    expected = np.einsum("nd,nkd->nk", QUERIES, vectors()[hits.item_idx])
    assert hits.score == pytest.approx(expected, abs=1e-6)
    assert (np.diff(hits.score, axis=1) <= 0).all()
    assert recall(hits, nearest(QUERIES, 20, np.ones(N, np.bool_))) > (0.8 if name == "ivf pq" else 0.9)


@every
def test_the_few_of_a_far_group_are_all_found_best_first(built, name):
    allowed = groups() == 7
    n = int(allowed.sum())
    assert 60 < n < N / 10
    hits = built[name].search(QUERIES, 200, allowed)
    assert (hits.item_idx[:, :n] == nearest(QUERIES, n, allowed)).all()
    assert (hits.item_idx[:, n:] == -1).all()


@approximate
@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_a_filter_at_random_costs_no_recall(built, name, share):
    allowed = np.random.default_rng(4).random(N) < share
    hits = built[name].search(QUERIES, 20, allowed)
    assert allowed[hits.item_idx].all()
    usual = recall(built[name].search(QUERIES, 20, None), nearest(QUERIES, 20, np.ones(N, np.bool_)))
    assert recall(hits, nearest(QUERIES, 20, allowed)) > usual - 0.02


@approximate
@pytest.mark.parametrize("share", [0.9, 0.5])
def test_a_filter_at_random_leaves_hardly_a_query_to_be_compared_with_all(built, name, share, monkeypatch):
    allowed, compared = np.random.default_rng(4).random(N) < share, []

    def counted(queries, vectors, among, k):
        compared.extend(queries if among.ndim == 1 else ())
        return nearest_of(queries, vectors, among, k)

    nearest_of = index_segment._nearest
    monkeypatch.setattr(index_segment, "_nearest", counted)
    built[name].search(QUERIES, 10, allowed)
    assert len(compared) <= 0.2 * len(QUERIES)


@approximate
def test_a_filter_that_goes_with_the_vectors_costs_none_either(built, name):
    """Half of the groups are allowed, the queries' is not: a search of a part looks where nothing is allowed."""
    allowed = groups() >= GROUPS // 2
    queries = vectors()[groups() == 3][:20]
    hits = built[name].search(queries, 20, allowed)
    assert recall(hits, nearest(queries, 20, allowed)) > (0.9 if name == "ivf pq" else 0.99)


@approximate
def test_what_a_filter_leaves_is_all_looked_at_where_it_is_few(built, name, monkeypatch):
    allowed = groups() >= GROUPS // 2
    plan = replace(PLANS[name], few=int(allowed.sum()))
    monkeypatch.setattr(Segment, "_look_at_a_part", lambda *_: pytest.fail("looked at a part"))
    hits = replace(built[name], plan=plan).search(QUERIES, 20, allowed)
    assert (hits.item_idx == nearest(QUERIES, 20, allowed)).all()
    with pytest.raises(pytest.fail.Exception, match="looked at a part"):
        replace(built[name], plan=replace(plan, few=plan.few - 1)).search(QUERIES, 20, allowed)


@approximate
def test_whoever_finds_too_few_is_compared_with_all(built, name):
    poor = replace(built[name], plan=replace(PLANS[name], effort=1))
    hits = poor.search(QUERIES, 400, None)
    assert all(len(np.unique(row)) == 400 for row in hits.item_idx)
    if name.startswith("ivf"):  # no list holds 400
        assert recall(hits, nearest(QUERIES, 400, np.ones(N, np.bool_))) > 0.9999


@every
def test_all_of_them_are_found_where_all_are_asked_for(built, name):
    hits = built[name].search(QUERIES[:2], N + 5, None)
    assert (np.sort(hits.item_idx[:, :N]) == np.arange(N)).all()
    assert (hits.item_idx[:, N:] == -1).all()


@every
def test_what_is_taken_out_is_not_found_and_whoever_holds_the_old_segment_still_finds_it(built, name):
    before = built[name].search(QUERIES, 10, None)
    gone = np.unique(before.item_idx[:, 0])
    without = built[name].without(gone)
    again = built[name].refilled(np.arange(0, N, 2, dtype=np.int32), vectors()[::2])
    assert not np.isin(without.search(QUERIES, 10, None).item_idx, gone).any()
    assert (again.search(QUERIES, 10, None).item_idx % 2 == 0).all()
    after = built[name].search(QUERIES, 10, None)
    assert after.item_idx.tobytes() == before.item_idx.tobytes()
    assert after.score.tobytes() == before.score.tobytes()


def test_a_query_is_answered_alike_alone_and_among_many(built):
    allowed = np.random.default_rng(4).random(N) < 0.3
    for segment in built.values():
        for filtered in (None, allowed, groups() == 7):
            together = segment.search(QUERIES, 30, filtered)
            for row, query in enumerate(QUERIES):
                alone = segment.search(query[None], 30, filtered)
                assert alone.item_idx.tobytes() == together.item_idx[row].tobytes()
                assert alone.score.tobytes() == together.score[row].tobytes()


def test_lists_and_ranges_are_learned_from_known_vectors_and_kept():
    known = np.arange(N) < N // 2
    later = vectors().copy()
    later[N // 2 :] = -later[N // 2 :]
    plan = Plan(factory="IVF60,SQ8", effort=1)
    rows = np.arange(N, dtype=np.int32)
    one, other = (Segment.of(rows, given, plan, taught=np.flatnonzero(known)) for given in (vectors(), later))
    assert (one.search(QUERIES, 5, known).score == other.search(QUERIES, 5, known).score).all()
    assert (one.search(QUERIES, 5, known).score != Segment.of(rows, later, plan).search(QUERIES, 5, known).score).any()
    refilled = other.refilled(rows, vectors())
    assert (refilled.search(QUERIES, 5, None).score == one.search(QUERIES, 5, None).score).all()


def test_of_equal_scores_the_lower_item_comes_first():
    rows = np.array([2, 4, 6, 8], np.int32)
    segment = Segment.of(rows, np.ones((4, 2), np.float32), PLANS["flat"])
    hits = segment.search(np.ones((1, 2), np.float32), 4, None)
    assert hits.item_idx.tolist() == [[2, 4, 6, 8]]
    aside = Segment.of(np.array([1, 9], np.int32), np.ones((2, 2), np.float32), PLANS["flat"])
    assert hits.beside(aside.search(np.ones((1, 2), np.float32), 4, None)).item_idx.tolist() == [[1, 2, 4, 6]]


def test_too_few_to_learn_from():
    rows = np.arange(50, dtype=np.int32)
    with pytest.raises(
        ShapeError, match=r"at least 60 items to learn 60 lists from, got 50; set retrieval.index.factory"
    ):
        Segment.of(rows, vectors(50), PLANS["ivf int8"])
    with pytest.raises(ShapeError, match=r"at least 256 items to learn product quantisation from, got 50; set"):
        Segment.of(rows, vectors(50), PLANS["ivf pq"])


@every
def test_a_loaded_segment_finds_the_same(built, name, tmp_path: Path):
    segment = built[name].without(np.array([5, 6], np.int32))
    segment.save(tmp_path)
    loaded = Segment.load(tmp_path, vectors(), PLANS[name])
    assert (loaded.search(QUERIES, 9, None).item_idx == segment.search(QUERIES, 9, None).item_idx).all()


def test_files_that_do_not_fit_each_other_are_refused(built, tmp_path: Path):
    built["ivf int8"].save(tmp_path)
    with pytest.raises(
        ArtifactError, match=r"expected Flat of width 16 .* got IndexIVFScalarQuantizer of width 16 with"
    ):
        Segment.load(tmp_path, vectors(), PLANS["flat"])
    with pytest.raises(ArtifactError, match=r"expected IVF60,SQ8 of width 8 .* of width 16 with 3000, 3000 and 3000"):
        Segment.load(tmp_path, vectors()[:, :8], PLANS["ivf int8"])
    np.save(tmp_path / "live.npy", np.ones(N - 1, np.bool_))
    with pytest.raises(ArtifactError, match=r"with 3000, 3000 and 2999; index again"):
        Segment.load(tmp_path, vectors(), PLANS["ivf int8"])
    np.save(tmp_path / "live.npy", np.ones(N, np.int8))
    with pytest.raises(ArtifactError, match=r"index again"):
        Segment.load(tmp_path, vectors(), PLANS["ivf int8"])
