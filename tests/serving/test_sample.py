"""More is told of a share of the answers, and telling changes no list."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.bundle import Bundle
from recsys.recommender import Recommender
from serving.asked import Asked
from serving.journal import LogConfig
from serving.ladder import BEHAVIOUR, RANKER, Found
from serving.sample import Sample

ALL = LogConfig(candidates=1, features=1)


def of(bundle: Bundle, user: str) -> Asked:
    return Asked(histories=bundle.histories([user]), as_of=bundle.end)


def found(bundle: Bundle, sample: Sample, recommender: Recommender, *without: str) -> Found:
    ann = of(bundle, bundle.users.ids[0])
    items = sample.recommend(recommender, ann, k=5, exploration=None)
    return Found(items=items, why=(), without=list(without))


@pytest.mark.parametrize("kind", ["plain", "ruled", "without a ranker"])
def test_the_list_is_the_recommenders(bundle: Bundle, recommender: Recommender, ruled: Recommender, kind: str) -> None:
    way = {"plain": recommender, "ruled": ruled, "without a ranker": replace(recommender, ranker=None)}[kind]
    for user in bundle.users.ids[:20]:
        row, seen = (
            bundle.histories([user]),
            Asked(histories=bundle.histories([user]), as_of=bundle.end, exclude_seen=True),
        )
        sample = Sample("r", ALL)
        for k in (1, 10, 1000):
            mine = sample.recommend(way, seen, k=k, exploration=None)
            its = way.recommend(row, k=k, as_of=bundle.end, exclude_seen=True)
            for name in ("indptr", "item_idx", "score", "propensity", "sources", "rules"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(its, name))


def test_nothing_is_kept_of_the_others(bundle: Bundle, recommender: Recommender) -> None:
    for config in (None, LogConfig(candidates=0, features=0)):
        sample = Sample("r", config)
        listed = found(bundle, sample, recommender)
        sample.read(recommender, of(bundle, "nobody"), listed)
        assert (sample.candidates(listed), sample.features) == (None, None)


def test_a_list_made_without_some_part_tells_what_is_true(bundle: Bundle, recommender: Recommender) -> None:
    sample = Sample("r", ALL)
    listed = found(bundle, sample, recommender, RANKER)
    sample.read(recommender, of(bundle, "nobody"), listed)
    assert sample.features is None
    candidates = sample.candidates(listed)
    assert candidates is not None
    assert len(candidates.item_idx) > 5
    assert sample.candidates(found(bundle, sample, recommender, RANKER, BEHAVIOUR)) is None


def test_features_that_cannot_be_made_are_done_without(
    bundle: Bundle, recommender: Recommender, caplog: pytest.LogCaptureFixture
) -> None:
    sample = Sample("r", ALL)
    listed = found(bundle, sample, recommender)
    sample.read(recommender, replace(of(bundle, "nobody"), histories=None), listed)  # type: ignore[arg-type]
    assert sample.features is None
    assert "An answer is logged without features: AttributeError" in caplog.text
