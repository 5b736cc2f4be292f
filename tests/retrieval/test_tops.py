import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.retrieval.tops import highest, places, propose


@given(st.lists(st.integers(-2, 4), max_size=80), st.integers(0, 8), st.sampled_from([np.float32, np.float64]))
def test_the_best_come_first_and_of_equal_ones_the_first(scores: list[int], size: int, dtype: type) -> None:
    expected = sorted((place for place, score in enumerate(scores) if score > 0), key=lambda p: (-scores[p], p))
    assert highest(np.array(scores, dtype), size).tolist() == expected[:size]


@pytest.mark.parametrize("size", [0, 1, 20, 500, 3000])
@pytest.mark.parametrize("decimals", [1, 12])
def test_the_best_of_many_are_those_that_sorting_finds(size: int, decimals: int) -> None:
    scores = np.random.default_rng(size).normal(size=3000).round(decimals)
    order = np.lexsort((np.arange(3000), -scores))
    expected = [place for place in order.tolist() if scores[place] > 0][:size]
    assert highest(scores, size).tolist() == expected


@given(st.lists(st.tuples(st.integers(-2, 4), st.integers(-2, 4), st.booleans()), max_size=80))
def test_each_source_proposes_its_best_of_what_may_be_proposed(rows: list[tuple[int, int, bool]]) -> None:
    table = np.array(rows).reshape(-1, 3)
    scores, items, sizes = table[:, :2].T.astype(np.float32), np.flatnonzero(table[:, 2]), (2, 5)
    both = np.stack([np.ascontiguousarray(scores), np.ascontiguousarray(-scores)], axis=1)
    allowed = np.stack([table[:, 2] > 0, np.zeros(len(table), np.bool_)])
    proposed, best = np.zeros((2, len(table)), np.uint16), np.full((2, 3, 5), -1, np.float32)
    propose(both, allowed, np.array(sizes), proposed, best)
    tops = [items[highest(own[items], size)] for own, size in zip(scores, sizes, strict=True)]
    assert [[bit for bit in range(3) if mask >> bit & 1] for mask in proposed[0].tolist()] == [
        [source for source, top in enumerate(tops) if item in top] for item in range(len(table))
    ]
    assert best[0].tolist() == [
        [*own[top].tolist(), *[-1] * (5 - len(top))] for own, top in zip(scores, tops, strict=True)
    ] + [[-1] * 5]
    assert not proposed[1].any()
    assert (best[1] == -1).all()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20))
def test_a_place_is_how_many_are_higher(rows: list[tuple[int, int]]) -> None:
    scores = np.array(rows, np.float32)
    best = np.array([[[3, 2, 2], [1, -np.inf, -np.inf]], [[4, 4, 0], [0, 0, 0]]], np.float32)
    indptr = np.array([0, len(rows) // 2, len(rows)])
    out = np.empty(scores.shape, np.int64, order="F")
    places(scores, best, indptr, out)
    user = np.repeat([0, 1], np.diff(indptr))
    assert out.tolist() == (best[user] > scores[:, :, None]).sum(axis=2).tolist()
