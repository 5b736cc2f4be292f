"""Shares of categories by hand, by loops, and what must hold of any divergence."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from recsys.errors import ShapeError
from recsys.evaluation.miscalibration import miscalibration
from tests.evaluation.tastes import histories

TEA, TOYS, LAMPS = 0, 1, 2
CATEGORY = np.array([TEA, TEA, TEA, TOYS, TOYS, LAMPS, -1, TEA], np.int32)
TAKEN = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.3, 1.0])), max_size=8)
ITEMS = st.lists(st.integers(0, 6), unique=True, max_size=5)


def judged(lists, rows, lengths=(2,), categories=CATEGORY) -> pl.DataFrame:
    block = np.array([[*row, *[-1] * (5 - len(row))] for row in lists], np.int32).reshape(len(lists), 5)
    users = np.arange(len(lists), dtype=np.int32) + 7
    return miscalibration(block, users, histories=histories(rows), categories=categories, lengths=lengths)


def by_loops(shown, row) -> float | None:
    """Steck's formulas, category by category."""
    p, q = {}, {}
    for item, weight in row:
        if CATEGORY[item] >= 0 and weight > 0:
            p[CATEGORY[item]] = p.get(CATEGORY[item], 0) + float(np.float32(weight))
    for item in shown:
        if CATEGORY[item] >= 0:
            q[CATEGORY[item]] = q.get(CATEGORY[item], 0) + 1
    if not p or not q:
        return None
    p, q = ({g: n / sum(x.values()) for g, n in x.items()} for x in (p, q))
    return sum(share * math.log(share / (0.99 * q.get(g, 0) + 0.01 * share)) for g, share in p.items())


def test_a_list_by_hand():
    """.7 tea and .3 toys by weight, of a list that is half tea and half lamps."""
    got = judged([[0, 5, 3]], [[(0, 0.7), (3, 0.3), (6, 1.0), (5, 0.0)]])
    assert got.rows() == [
        (7, pytest.approx(0.7 * math.log(0.7 / (0.99 * 0.5 + 0.007)) + 0.3 * math.log(0.3 / 0.003), rel=1e-6))
    ]
    assert got.schema == {"user_idx": pl.Int32, "miscalibration@2": pl.Float64}


@given(st.lists(st.tuples(ITEMS, TAKEN), min_size=1, max_size=6), st.integers(1, 6))
def test_it_is_what_loops_say(users, k):
    lists, rows = zip(*users, strict=True)
    got = judged(lists, rows, lengths=(k,))[f"miscalibration@{k}"].to_list()
    expected = [by_loops(shown[:k], row) for shown, row in users]
    assert [g is None for g in got] == [e is None for e in expected]
    known = [(g, e) for g, e in zip(got, expected, strict=True) if e is not None]
    assert [g for g, _ in known] == pytest.approx([e for _, e in known], abs=1e-9)


def test_scipys_divergence_is_the_same():
    rng = np.random.default_rng(0)
    for _ in range(20):
        row = [(int(i), 1.0) for i in rng.integers(0, 6, 9)]
        shown = rng.permutation(6)[:4].tolist()
        p = np.bincount(CATEGORY[[i for i, _ in row]], minlength=3) / 9
        q = np.bincount(CATEGORY[shown], minlength=3) / 4
        got = judged([shown], [row], lengths=(4,))["miscalibration@4"][0]
        assert got == pytest.approx(entropy(p, 0.99 * q + 0.01 * p), abs=1e-12)


def test_the_same_shares_are_calibrated_and_no_shared_one_is_worst():
    rows = [[(0, 1.0), (3, 1.0)]] * 3
    got = judged([[4, 1], [0, 1], [5]], rows)["miscalibration@2"].to_list()
    assert got[0] == pytest.approx(0, abs=1e-12)
    assert got[0] < got[1] < got[2]
    assert got[2] == pytest.approx(math.log(100))


def test_what_is_not_known_is_null():
    assert judged([[0], [], [6]], [[], [(0, 1.0)], [(0, 1.0)]])["miscalibration@2"].to_list() == [None] * 3
    nowhere = np.full(8, -1, np.int32)
    assert judged([[0]], [[(0, 1.0)]], categories=nowhere)["miscalibration@2"].to_list() == [None]


def test_lists_of_other_users_are_refused():
    with pytest.raises(ShapeError, match="as many lists as users and histories, got 1, 1 and 2; ask for the histories"):
        judged([[0]], [[], []])
