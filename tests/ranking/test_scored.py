"""All that lists are chosen from."""

import numpy as np
import pytest

from recsys.ranking.scored import Scored
from recsys.retrieval.candidates import SOURCES, Candidates
from tests.ranking.stock import scored


def test_candidates_are_put_in_order_of_score_and_of_equal_ones_the_lower_item_first():
    candidates = Candidates(
        indptr=np.array([0, 3, 5]),
        item_idx=np.array([2, 5, 7, 1, 5], np.int32),
        sources=np.array([1, 2, 4, 8, 16], np.uint16),
        scores=np.zeros((5, len(SOURCES)), np.float32),
        best=np.zeros((2, len(SOURCES), 1), np.float32),
    )
    pinned = np.zeros((2, 8), np.bool_)
    pinned[0, 7] = pinned[1, 2] = True
    found = Scored.of(
        candidates,
        score=np.array([1, 1, 3, 0, 9], np.float32),
        interest=np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32),
        probability=np.array([0.5, 0.4, 0.3, 0.2, 0.1], np.float32),
        pinned=pinned,
    )
    assert found.item_idx.tolist() == [7, 2, 5, 5, 1]
    assert found.score.tolist() == [3, 1, 1, 9, 0]
    assert found.sources.tolist() == [4, 1, 2, 16, 8]
    assert found.interest.tolist() == np.array([0.3, 0.1, 0.2, 0.5, 0.4], np.float32).tolist()
    assert found.probability.tolist() == np.array([0.3, 0.5, 0.4, 0.1, 0.2], np.float32).tolist()
    assert found.pinnable.tolist() == [True, False, False, False, False]
    none = Scored.of(candidates, score=found.score, interest=found.interest, probability=found.probability, pinned=None)
    assert not none.pinnable.any()


def test_what_no_source_proposes_may_be_in_a_list_where_it_is_wanted() -> None:
    candidates = Candidates(
        indptr=np.array([0, 3]),
        item_idx=np.array([2, 5, 7], np.int32),
        sources=np.array([0, 2, 0], np.uint16),
        scores=np.zeros((3, len(SOURCES)), np.float32),
        best=np.zeros((1, len(SOURCES), 1), np.float32),
    )
    wanted = np.zeros((1, 8), np.bool_)
    wanted[0, 7] = True
    falling = np.array([3, 2, 1], np.float32)
    for besides, expected in ((None, [False, True, False]), (wanted, [False, True, True])):
        found = Scored.of(
            candidates, score=falling, interest=falling, probability=falling, pinned=None, besides=besides
        )
        assert found.listable.tolist() == expected


def test_entries_become_lists():
    found = scored([(0, 3), (1, 2)], [], [(2, 5), (0, 1)])
    lists = found.picked(np.array([1, 0, 2]), np.array([4, 0, 1], np.uint64), ("a", "b", "c"))
    assert lists.indptr.tolist() == [0, 2, 2, 3]
    assert lists.item_idx.tolist() == [1, 0, 2]
    assert lists.score.tolist() == [2, 3, 5]
    assert (lists.rules.tolist(), lists.rule_names) == ([4, 0, 1], ("a", "b", "c"))
    assert lists.propensity.tolist() == [1, 1, 1]


def test_rows_are_joined():
    joined = Scored.concat([scored([(0, 3)], []), scored([(1, 2), (4, 1)])])
    assert joined.indptr.tolist() == [0, 1, 1, 3]
    assert joined.item_idx.tolist() == [0, 1, 4]
    assert len(joined) == 3


@pytest.mark.parametrize("ascending", [True, False])
def test_the_order_is_that_of_sorting_by_row_score_and_item(ascending: bool) -> None:
    source = np.random.default_rng(3)
    odd = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 2.5, -2.5], np.float32)
    sizes = np.array([0, 40, 1, 0, 60])
    items = [source.choice(100, size, replace=False) for size in sizes]
    items = [np.sort(own) if ascending else own for own in items]
    m = int(sizes.sum())
    candidates = Candidates(
        indptr=np.concatenate([[0], np.cumsum(sizes)]),
        item_idx=np.concatenate(items).astype(np.int32),
        sources=np.ones(m, np.uint16),
        scores=np.zeros((m, len(SOURCES)), np.float32),
        best=np.zeros((5, len(SOURCES), 1), np.float32),
    )
    score = source.choice(odd, m)
    found = Scored.of(candidates, score=score, interest=score, probability=score, pinned=None)
    order = np.lexsort((candidates.item_idx, -score, candidates.rows))
    assert found.item_idx.tolist() == candidates.item_idx[order].tolist()
    assert found.score.tobytes() == score[order].tobytes()
