"""The item of a history that stands for another, by hand and against the source whose score it explains."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsys.data.interactions import Histories
from recsys.ranking.links import Links
from recsys.retrieval.candidates import SOURCES
from recsys.retrieval.neighbours import ItemItem
from recsys.schema import DAY, EVENT_CODES

N = 48
AS_OF = 1000 * DAY


def taken(*events: tuple[int, float]) -> Histories:
    """One user's purchases: (item, days ago), oldest first."""
    return Histories(
        indptr=np.array([0, len(events)]),
        item_idx=np.array([item for item, _ in events], np.int32),
        event=np.full(len(events), EVENT_CODES["purchase"], np.uint8),
        at=np.array([AS_OF - int(days * DAY) for _, days in events], np.int64),
        value=np.full(len(events), np.nan),
        weight=np.ones(len(events), np.float32),
    )


def matrix(*entries: tuple[int, int, float]) -> ItemItem:
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    return ItemItem(matrix=csr_array((np.array(values, np.float32), (rows, columns)), shape=(N, N)))


@pytest.fixture
def link(recommender):
    """(history, items, cosine=…, near=…, vectors=…, words=…) → links; a purchase's weight halves in 45 days."""

    def of(history, items, *, cosine=(), near=(), vectors=None, words=()):
        behaviour = replace(
            recommender.retriever.behaviour, as_of=AS_OF, together=matrix(*cosine), beside=matrix(*near)
        )
        assert behaviour.config.history_half_life == 45
        vectors = np.zeros((N, 2), np.float32) if vectors is None else np.array(vectors, np.float32)
        return Links.of(
            history,
            np.array(items, np.int32),
            behaviour=behaviour,
            vectors=vectors,
            words=matrix(*words).matrix,
            as_of=AS_OF,
        )

    return of


def test_fresh_and_close_count_together(link):
    cosine = [(0, 2, 0.9), (1, 2, 0.4), (0, 3, 0.7), (1, 3, 0.4)]
    found = link(taken((0, 45), (1, 0)), [2, 3], cosine=cosine)
    assert found.together.tolist() == [0, 1]  # .5 · .9 > 1 · .4, but .5 · .7 < 1 · .4
    twice = link(taken((0, 45), (0, 45), (1, 0)), [2, 3], cosine=cosine)
    assert twice.together.tolist() == [0, 0]  # taken twice: (.5 + .5) · .7


def test_where_no_cosine_is_known_what_is_met_nearby_stands_in(link):
    found = link(taken((0, 9), (1, 9)), [4, 5, 6], cosine=[(0, 4, 0.1)], near=[(1, 4, 9.0), (1, 5, 0.2)])
    assert found.together.tolist() == [0, 1, -1]


def test_of_equal_ones_the_last_taken_and_then_the_lower(link):
    cosine = [(item, 9, 0.3) for item in (3, 5, 7)]
    vectors = np.tile([[1.0, 0.0]], (N, 1))
    same_day = link(taken((7, 9), (5, 9), (3, 10)), [9], cosine=cosine, vectors=vectors)
    assert (same_day.together.tolist(), same_day.alike.tolist()) == ([5], [5])
    again = link(taken((7, 9), (3, 9), (5, 9), (7, 8)), [9], vectors=vectors)
    assert again.alike.tolist() == [7]


def test_an_item_taken_before_stands_for_itself_but_does_not_read_like_itself(link):
    vectors = np.zeros((N, 2))
    vectors[[0, 1, 2, 3]] = [[1, 0], [0.8, 0.6], [0, 1], [-1, 0]]
    found = link(taken((0, 9), (1, 9), (2, 9)), [0, 2, 3], vectors=vectors)
    assert found.same.tolist() == [0, 2, -1]
    assert found.alike.tolist() == [1, 1, -1]  # the cosines of 3 are -1, -.8 and 0


def test_the_item_whose_words_are_shared(link):
    """Words 0 and 1; items 0 and 2 have the first, 1 the second, 3 both, 4 none."""
    words = [(0, 0, 1.0), (2, 0, 1.0), (1, 1, 1.0), (3, 0, 0.6), (3, 1, 0.8)]
    found = link(taken((0, 9), (1, 9), (2, 9)), [0, 2, 3, 4], words=words)
    assert found.sharing.tolist() == [2, 0, 1, -1]
    assert found.by_group()["words"] is found.sharing


def test_without_a_history_there_is_no_link(link):
    found = link(taken(), [0, 1])
    for column in found.by_group().values():
        assert column.tolist() == [-1, -1]
        assert column.dtype == np.int32


def test_it_is_the_largest_addend_of_the_score_by_cosine(recommender, shop):
    words = recommender.retriever.lexicon.matrix
    as_of, behaviour, every = recommender.as_of, recommender.retriever.behaviour, np.arange(N, dtype=np.int32)
    for user in range(0, 60, 7):
        history = shop.interactions.histories(np.array([user], np.int32), as_of=as_of)
        mine = history.positives()
        found = Links.of(
            mine, every, behaviour=behaviour, vectors=recommender.vectors.vectors, words=words, as_of=as_of
        )
        weights = np.bincount(mine.item_idx, mine.weight * 2.0 ** (-(as_of - mine.at) / DAY / 45), minlength=N)
        addends = weights[:, None] * behaviour.together.matrix.toarray()
        score = recommender.retriever.score(history, [every], as_of=as_of).scores[:, SOURCES.index("cosine")]
        assert addends.sum(axis=0) == pytest.approx(score, rel=1e-4)
        known = score > 0
        assert known.sum() > 20
        assert addends[found.together, every][known] == pytest.approx(addends.max(axis=0)[known], rel=1e-5)
