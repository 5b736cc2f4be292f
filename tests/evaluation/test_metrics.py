"""Metrics against formulas by hand, a second implementation, and what must hold for any list."""

import math

import ir_measures
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.evaluation.metrics import (
    Exposure,
    candidate_recall,
    intra_list_distance,
    padded,
    per_user,
    self_information,
)
from recsys.evaluation.truth import Truth

N_ITEMS = 40
NAMES = ("ndcg", "recall", "precision", "hit", "mrr", "map")


def truth_of(rows) -> Truth:
    return Truth(
        user_idx=np.arange(len(rows), dtype=np.int32) + 100,
        indptr=np.cumsum([0, *map(len, rows)]).astype(np.int64),
        item_idx=np.array([i for row in rows for i in sorted(row)], np.int32),
    )


def judge(recommended, truth_rows, lengths=(10,)):
    return per_user(np.array(recommended, np.int32), truth_of(truth_rows), lengths=lengths)


@st.composite
def worlds(draw):
    """(lists (n, k), -1 at the end, and truths, some empty)."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 25))
    items = st.integers(0, N_ITEMS - 1)
    lists = [draw(st.lists(items, unique=True, max_size=k)) for _ in range(n)]
    truths = [draw(st.lists(items, unique=True, max_size=30)) for _ in range(n)]
    return np.array([row + [-1] * (k - len(row)) for row in lists], np.int32), truths


def test_a_list_by_hand():
    got = judge([[7, 1, 8, 2, 9]], [[1, 2, 3]], lengths=(4, 10)).row(0, named=True)
    d = [1 / math.log2(r + 1) for r in range(1, 11)]
    assert got["user_idx"] == 100
    assert got["ndcg@4"] == pytest.approx((d[1] + d[3]) / (d[0] + d[1] + d[2]), rel=1e-12)
    assert got["recall@4"] == pytest.approx(2 / 3)
    assert got["precision@4"] == 2 / 4
    assert got["precision@10"] == 2 / 10
    assert got["hit@4"] == 1
    assert got["mrr@4"] == 1 / 2
    assert got["map@4"] == pytest.approx((1 / 2 + 2 / 4) / 3)


def test_recall_of_a_full_list_of_hits_is_one_however_long_the_truth():
    got = judge([list(range(20))], [list(range(30))], lengths=(20,))
    assert got["recall@20"].to_list() == [1.0]
    assert got["map@20"].to_list() == pytest.approx([1.0])
    assert got["ndcg@20"].to_list() == pytest.approx([1.0])


def test_users_without_truth_have_no_row_and_holes_are_misses():
    got = judge([[1, 2], [-1, 3], [-1, -1]], [[], [3], [4]])
    assert got["user_idx"].to_list() == [101, 102]
    assert got["mrr@10"].to_list() == [1 / 2, 0]
    assert got.schema["user_idx"] == pl.Int32


def test_nobody_has_truth():
    assert judge([[1]], [[]]).shape == (0, 1 + len(NAMES))


def test_item_past_every_truth_is_a_miss():
    """Keys of (row, item) must not run into the next row."""
    assert judge([[9], [0]], [[0], [9]], lengths=(1,))["hit@1"].to_list() == [0, 0]


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_ir_measures_agrees(world):
    recommended, truths = world
    got = judge(recommended, truths, lengths=(10, 20))
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, row in enumerate(truths) for i in row]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), -float(r))
        for u, row in enumerate(recommended)
        for r, i in enumerate(row)
        if i >= 0
    ]
    ir = ir_measures
    for k in (10, 20):
        kinds = {"ndcg": ir.nDCG @ k, "recall": ir.R @ k, "precision": ir.P @ k, "hit": ir.Success @ k}
        kinds |= {"mrr": ir.RR @ k, "map": ir.AP @ k}
        found = {(m.query_id, str(m.measure)): m.value for m in ir.iter_calc(list(kinds.values()), qrels, run)}
        for row in got.iter_rows(named=True):
            u = row["user_idx"] - 100
            cap = len(truths[u]) / min(k, len(truths[u]))  # the oracle divides by |T|, we by min(k, |T|)
            for name, kind in kinds.items():
                expected = found.get((str(u), str(kind)), 0.0) * (cap if name in {"recall", "map"} else 1)
                assert row[f"{name}@{k}"] == pytest.approx(expected, abs=1e-6), (name, k)


def yardstick(top, truth):
    """The definitions that the project's published figures use, one user at a time."""
    hits = np.array([x in truth for x in top[:20]] + [0] * (20 - len(top[:20])), float)
    ideal = (1 / np.log2(np.arange(2, min(10, len(truth)) + 2))).sum()
    return (hits[:10] / np.log2(np.arange(2, 12))).sum() / ideal, hits.sum() / min(20, len(truth))


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_ndcg_at_10_and_recall_at_20_are_the_published_ones(world):
    recommended, truths = world
    got = judge(recommended, truths, lengths=(10, 20))
    expected = [yardstick(row[row >= 0], set(t)) for row, t in zip(recommended, truths, strict=True) if t]
    np.testing.assert_allclose(got["ndcg@10"], [e[0] for e in expected], rtol=1e-12)
    np.testing.assert_allclose(got["recall@20"], [e[1] for e in expected], rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_every_metric_lies_between_0_and_1(world):
    values = judge(*world, lengths=(1, 7, 20)).drop("user_idx").to_numpy()
    assert (values >= 0).all()
    assert (values <= 1 + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(worlds(), st.data())
def test_a_hit_one_place_up_never_hurts(world, data):
    recommended, truths = world
    places = [
        (u, r)
        for u, r in np.argwhere(recommended >= 0).tolist()
        if r and recommended[u, r] in truths[u] and recommended[u, r - 1] not in truths[u]
    ]
    if not places:
        return
    u, r = data.draw(st.sampled_from(places))
    better = recommended.copy()
    better[u, [r - 1, r]] = better[u, [r, r - 1]]
    before, after = judge(recommended, truths, lengths=(30,)), judge(better, truths, lengths=(30,))
    assert (after.to_numpy() >= before.to_numpy() - 1e-12).all()
    row = [i for i, t in enumerate(truths) if t].index(u)
    assert after["ndcg@30"][row] > before["ndcg@30"][row]


@settings(max_examples=60, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_which_misses_stand_where_does_not_matter(world, random):
    recommended, truths = world
    shuffled = recommended.copy()
    for row, t in zip(shuffled, truths, strict=True):
        misses = [j for j, item in enumerate(row) if item >= 0 and item not in t]
        row[misses] = random.sample([int(row[j]) for j in misses], len(misses))
    assert judge(shuffled, truths).equals(judge(recommended, truths))


def test_lists_of_other_users_are_refused():
    with pytest.raises(ShapeError, match=r"Expected recommended items of shape \(2, k\).*got \(1, 1\); recommend for"):
        judge([[1]], [[1], [2]])


def test_an_item_twice_is_refused_but_holes_may_repeat():
    judge([[-1, -1]], [[1]])
    with pytest.raises(ShapeError, match="got one twice for user_idx 101"):
        judge([[1, 2], [3, 3]], [[1], [2]])


def test_novelty_is_mean_self_information(make_log):
    rows = [
        (0, 0, 1, 1.0),
        (1, 0, 2, 1.0),
        (2, 0, 3, 1.0),
        (0, 1, 4, 1.0),
        (0, 1, 5, 1.0),
        (1, 2, 6, 0.0),
        (2, 2, 9, 1.0),
    ]
    information = self_information(make_log(rows, n_users=3, n_items=4), as_of=9)
    np.testing.assert_allclose(information, np.log2([4 / 4, 4 / 2, 4 / 1, 4 / 1]))
    lists = np.array([[0, 1, 2], [1, -1, -1], [-1, -1, -1]], np.int32)
    got = per_user(lists, truth_of([[1], [1], [1]]), lengths=(2,), information=information)
    assert got["novelty@2"].to_list() == [(0 + 1) / 2, 1.0, None]


def test_intra_list_distance_by_hand():
    vectors = np.array([[1, 0], [0, 1], [-1, 0], [1, 0]], np.float32)
    lists = np.array([[0, 1, 2], [0, 3, -1], [1, -1, -1], [-1, -1, -1]], np.int32)
    got = intra_list_distance(lists, np.array([7, 8, 9, 10], np.int32), vectors=vectors, lengths=(2, 3))
    assert got["user_idx"].to_list() == [7, 8, 9, 10]
    assert got["distance@2"].to_list() == [1 - 0, 1 - 1, None, None]
    assert got["distance@3"].to_list() == [pytest.approx((1 + 2 + 1) / 3), 0, None, None]


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(0, 1000))
def test_intra_list_distance_is_the_mean_over_pairs(world, seed):
    recommended, _ = world
    vectors = np.random.default_rng(seed).normal(size=(N_ITEMS, 5))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    got = intra_list_distance(recommended, np.arange(len(recommended)), vectors=vectors, lengths=(7,))["distance@7"]
    for row, value in zip(recommended, got, strict=True):
        items = [i for i in row[:7] if i >= 0]
        pairs = [1 - float(vectors[i] @ vectors[j]) for n, i in enumerate(items) for j in items[:n]]
        assert value == (pytest.approx(sum(pairs) / len(pairs), abs=1e-5) if pairs else None)


def test_intra_list_distance_of_many_lists_and_of_none():
    vectors = np.eye(3, dtype=np.float32)
    many = np.tile(np.array([[0, 1], [2, 2]], np.int32), (1500, 1))
    got = intra_list_distance(many, np.arange(3000), vectors=vectors, lengths=(2,))
    assert got["distance@2"].to_list() == [1.0, 0.0] * 1500
    nobody = intra_list_distance(many[:0], np.zeros(0, np.int32), vectors=vectors, lengths=(2,))
    assert nobody.schema == {"user_idx": pl.Int32, "distance@2": pl.Float64}


def test_exposure_by_hand():
    lists = np.array([[0, 1], [0, -1], [0, 2]], np.int32)
    got = Exposure.of(lists, n_items=4)
    assert got.coverage == 3 / 4
    # counts ascending 0 1 1 3: mean absolute difference over all pairs, halved and divided by the mean
    counts = np.array([0, 1, 1, 3])
    assert got.gini == pytest.approx(np.abs(counts[:, None] - counts).mean() / (2 * counts.mean()))


def test_exposure_of_equal_and_of_empty_lists():
    assert Exposure.of(np.array([[0, 1], [1, 0]], np.int32), n_items=2) == Exposure(coverage=1.0, gini=0.0)
    assert Exposure.of(np.full((2, 2), -1, np.int32), n_items=2) == Exposure(coverage=0.0, gini=0.0)


def test_padded_keeps_empty_rows():
    got = padded(np.array([0, 0, 3, 3]), np.array([5, 6, 7], np.int32), 2)
    assert got.tolist() == [[-1, -1], [5, 6], [-1, -1]]
    assert got.dtype == np.int32


def test_candidate_recall_counts_all_of_the_truth():
    got = candidate_recall(np.array([0, 3, 3, 4]), np.array([9, 1, 2, 5], np.int32), truth_of([[1, 2, 3, 4], [7], [5]]))
    assert got.to_dict(as_series=False) == {"user_idx": [100, 101, 102], "recall": [2 / 4, 0.0, 1.0]}


def test_candidates_of_other_users_are_refused():
    with pytest.raises(ShapeError, match="Expected candidates of 2 users, as the truth has, got 1"):
        candidate_recall(np.array([0, 1]), np.array([1], np.int32), truth_of([[1], [2]]))
