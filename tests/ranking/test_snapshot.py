"""What is known as of an instant, read by another encoder."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.ranking.snapshot import Snapshot
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
