"""What is known as of an instant, read by another encoder."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.ranking.snapshot import Snapshot
from recsys.ranking.state import ItemState
from recsys.retrieval.interest import InterestModel


def test_reread_is_what_a_snapshot_of_other_vectors_would_be(recommender, shop):
    ours = recommender.snapshot
    noise = np.random.default_rng(3).normal(size=(len(shop.catalog), 8)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    vectors = replace(ours.vectors, vectors=noise)
    interest = InterestModel.zero_shot(8, shop.interactions.day)
    found = ours.reread(vectors, interest)
    assert found.retriever.behaviour is ours.retriever.behaviour
    as_of = ours.items.as_of
    fresh = Snapshot.of(
        shop.interactions, catalog=shop.catalog, vectors=vectors, interest=interest, as_of=as_of, config=ours.config
    )
    histories = shop.interactions.histories(np.arange(9, dtype=np.int32), as_of=as_of)
    tables = []
    for snapshot in (found, fresh):
        allowed = snapshot.allowed(histories, as_of=as_of)
        candidates = snapshot.retriever.retrieve(histories, as_of=as_of, allowed=allowed)
        tables.append(snapshot.features(histories, candidates, as_of=as_of))
    np.testing.assert_array_equal(tables[0].item_idx, tables[1].item_idx)
    np.testing.assert_array_equal(tables[0].values, tables[1].values)


def test_vectors_of_another_catalogue_are_refused(recommender):
    ours = recommender.snapshot
    with pytest.raises(ShapeError, match="belong to catalogue"):
        ours.reread(replace(ours.vectors, catalog_digest="0" * 64), ours.retriever.interest)


def test_features_after_some_steps_are_those_of_counters_made_at_once(recommender, shop):
    """State moves on event by event online; rows made offline, from the whole log, must be the same."""
    ours, log = recommender.snapshot, shop.interactions
    as_of = ours.items.as_of
    histories = log.histories(np.arange(9, dtype=np.int32), as_of=as_of)
    candidates = ours.retriever.retrieve(histories, as_of=as_of, allowed=ours.allowed(histories, as_of=as_of))
    expected = ours.features(histories, candidates, as_of=as_of)
    at = log.before(as_of).events["at"].to_numpy()
    early = replace(ours, items=ItemState.of(ours.catalog, log, as_of=int(at[20]), half_lives=ours.items.half_lives))
    assert not np.array_equal(early.features(histories, candidates, as_of=as_of).values, expected.values)
    for step in (*at[40::60].tolist(), as_of):
        early = early.advance(log.before(step), as_of=step)
    found = early.features(histories, candidates, as_of=as_of)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
