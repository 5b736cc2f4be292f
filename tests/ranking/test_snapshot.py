"""What is known as of an instant, read by another encoder."""

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest

from recsys.errors import ShapeError
from recsys.ranking.snapshot import Snapshot
from recsys.ranking.state import NEVER, ItemState
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


def test_items_taken_for_new_are_as_if_nobody_had_met_them(recommender, shop):
    ours, log = recommender.snapshot, shop.interactions
    as_of, items = ours.items.as_of, np.array([3, 17, 40], np.int32)
    others = np.setdiff1d(np.arange(len(shop.catalog)), items)
    found = ours.without(items)
    histories = log.histories(np.arange(9, dtype=np.int32), as_of=as_of)
    before, after = (s.retriever.behaviour.scores(histories, as_of=as_of) for s in (ours, found))
    for name, scores in after.items():
        assert not scores[:, items].any(), name
        np.testing.assert_array_equal(scores[:, others], before[name][:, others])
    unmet = log.events.filter(~pl.col("item_idx").is_in(items.tolist()))
    never = ItemState.of(ours.catalog, replace(log, events=unmet), as_of=as_of, half_lives=ours.items.half_lives)
    for field in fields(ItemState):
        counter = getattr(found.items, field.name)
        if field.name == "known":
            assert counter.tolist() == ours.items.known.tolist()
        elif field.name == "born":
            created = ours.catalog.items["created_at"].is_not_null().to_numpy()[items]
            assert set(created) == {True, False}
            assert counter[items].tolist() == np.where(created, as_of, NEVER).tolist()
        elif isinstance(counter, np.ndarray):
            np.testing.assert_array_equal(counter[..., items], getattr(never, field.name)[..., items])
            np.testing.assert_array_equal(counter[..., others], getattr(ours.items, field.name)[..., others])
