"""What the ranker reads, seen from outside, is what it reads when it makes a list."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.ranking.observation import SCORE, observe, recall
from recsys.recommender import Recommender
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex


@pytest.fixture
def histories(shop):
    return shop.interactions.histories(np.arange(12, dtype=np.int32), as_of=shop.interactions.end)


def test_it_sees_the_candidates_and_scores_of_the_lists(recommender: Recommender, shop, histories) -> None:
    assert recommender.ranker
    as_of = shop.interactions.end
    seen = observe(recommender.snapshot, recommender.ranker, histories, as_of=as_of)
    scored = recommender.scored(histories, as_of=as_of)
    assert seen.names == (*recommender.ranker.features, SCORE)
    assert (seen.lists, len(seen.values)) == (12, len(scored.score))
    np.testing.assert_array_equal(np.sort(seen.values[:, -1]), np.sort(scored.score))
    interest = seen.values[:, seen.names.index("interest")]
    np.testing.assert_array_equal(np.sort(interest), np.sort(scored.interest))


def test_one_at_a_time_is_all_at_once(recommender: Recommender, shop, histories) -> None:
    assert recommender.ranker
    as_of = shop.interactions.end
    seen = observe(recommender.snapshot, recommender.ranker, histories, as_of=as_of, exclude_seen=True)
    parts = [
        observe(recommender.snapshot, recommender.ranker, histories.take([row]), as_of=as_of, exclude_seen=True)
        for row in range(12)
    ]
    np.testing.assert_array_equal(seen.values, np.concatenate([part.values for part in parts]))
    everything = observe(recommender.snapshot, recommender.ranker, histories, as_of=as_of, exclude_seen=False)
    assert len(everything.values) > len(seen.values)


def test_nobody_leaves_no_rows(recommender: Recommender, shop, histories) -> None:
    assert recommender.ranker
    seen = observe(recommender.snapshot, recommender.ranker, histories.take([]), as_of=shop.interactions.end)
    assert seen.values.shape == (0, len(recommender.ranker.features) + 1)


def test_recall_counts_what_an_index_misses(recommender: Recommender, shop, histories) -> None:
    as_of, one = shop.interactions.end, histories.take([3])
    assert recall(recommender.snapshot, one, as_of=as_of) == 1.0
    lists = ItemIndex.build(recommender.vectors.vectors, IndexConfig(factory="IVF4,Flat"))
    blind = replace(lists, _main=replace(lists._main, plan=replace(lists.plan, effort=1, few=0)))
    few = recommender.retriever.config.model_copy(update={"text": 4})
    retriever = replace(recommender.retriever, index=blind, config=few)
    snapshot = replace(recommender.snapshot, retriever=retriever)
    found = [recall(snapshot, histories.take([row]), as_of=as_of) for row in range(12)]
    users = retriever.interest.user_vectors(histories, retriever.vectors, as_of=as_of)
    assert found == [blind.recall(user[None], 4) for user in users]
    assert min(found) < 1


def test_a_newcomer_has_nothing_to_search_with(recommender: Recommender, shop, histories) -> None:
    nobody = histories.take([0]).before(0)
    assert recall(recommender.snapshot, nobody, as_of=shop.interactions.end) is None
