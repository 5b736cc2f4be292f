from dataclasses import replace

import numpy as np
import pytest

from pipelines.baselines import BEHAVIOURAL, Baselines
from recsys.data.interactions import Histories


@pytest.fixture
def baselines(shop):
    histories = shop.interactions.histories(shop.interactions.user_indices(), as_of=shop.interactions.end)
    return Baselines(
        histories=Histories.concat([histories, Histories.empty(1)]),
        as_of=shop.interactions.end,
        target="new",
        available=np.ones(len(shop.catalog), np.bool_),
        k=5,
    )


def test_new_lists_hold_nothing_taken_and_nothing_unavailable(baselines, recommender):
    closed = np.ones_like(baselines.available)
    closed[::2] = False
    found = replace(baselines, available=closed).behavioural(recommender.retriever.behaviour)
    assert set(found) == set(BEHAVIOURAL)
    for rows in found.values():
        assert not np.isin(rows, np.flatnonzero(~closed)).any()
        for user, row in enumerate(rows):
            own = baselines.histories.take([user]).positives().item_idx
            assert not np.isin(row[row >= 0], own).any()
            assert len(set(row[row >= 0])) == (row >= 0).sum()


def test_popularity_ranks_by_decayed_counts(baselines, recommender):
    behaviour = recommender.retriever.behaviour
    popular = replace(baselines, target="all").behavioural(behaviour)["popularity"]
    expected = np.lexsort((np.arange(len(behaviour.popularity)), -behaviour.popularity))[:5]
    assert (popular == expected).all()
    for target in ("all", "new"):
        one = replace(baselines, target=target)
        assert (one.popularity(behaviour) == one.behavioural(behaviour)["popularity"]).all()


def test_own_purchases_come_first_where_anything_may_be_recommended(baselines, recommender):
    rows = replace(baselines, target="all").behavioural(recommender.retriever.behaviour)["own purchases"]
    own = baselines.histories.take([0]).positives().item_idx
    assert np.isin(rows[0], own).all()
    popular = replace(baselines, target="all").behavioural(recommender.retriever.behaviour)["popularity"]
    assert rows[-1].tolist() == popular[-1].tolist()  # a user without a history


def test_text_alone_finds_items_of_the_users_taste(shop, baselines, recommender):
    rows = replace(baselines, target="all").text(recommender.retriever.interest, recommender.vectors.vectors)
    taste = shop.world.taste_of_item[rows[:-1]]
    hits = (taste == shop.world.taste_of_user[:, None]) & (rows[:-1] >= 0)
    assert hits.sum() / (rows[:-1] >= 0).sum() > 0.8
