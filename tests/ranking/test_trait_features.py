"""What heads read in the items, as features: the same for training, batch and one user, and by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.errors import ShapeError
from recsys.ranking.feature_list import FEATURE_NAMES, features, text_features
from recsys.ranking.ranker import Ranker
from recsys.recommender import Recommender, training_rows
from recsys.retrieval.traits import Trait

CLASS, THING = pl.Float32(), pl.List(pl.String())


def naive(trait, taken, item, *, as_of, half_life, day):
    """The share of the item's attributes among those taken, one event and one attribute at a time."""
    presence = trait.presence.toarray()
    strongest = np.zeros(presence.shape[1])
    for place, at in zip(taken.item_idx, taken.at, strict=True):
        left = 2.0 ** (-(as_of - at) / day / half_life)
        strongest = np.maximum(strongest, left * presence[place])
    whole = presence[item].sum()
    return (presence[item] * strongest).sum() / whole if whole and len(taken.item_idx) else np.nan


def test_the_ranker_reads_them(gifted):
    own = (
        "topic_taste_0",
        "topic_taste_1",
        "topic_taste_2",
        "topic_taste_3",
        "topic_overlap",
        "words_word",
        "words_overlap",
    )
    assert gifted.ranker.features == (*FEATURE_NAMES, *own)


def test_a_ranker_that_reads_nothing_else_finds_the_taste(gifted, shop):
    """Beside all others a small forest may do without them, as rounding and the machine will have it."""
    rows = training_rows(
        catalog=shop.catalog,
        vectors=gifted.vectors,
        interest=gifted.retriever.interest,
        interactions=shop.interactions,
        split=TimeSplit.of(shop.interactions, SplitConfig()),
        config=gifted.snapshot.config,
    )
    ranker = Ranker.fit(rows, gifted.snapshot.config.ranking, without=frozenset(FEATURE_NAMES))
    found = replace(gifted, ranker=ranker).recommend(
        shop.interactions.histories(np.arange(60, dtype=np.int32), as_of=gifted.as_of), k=3, as_of=gifted.as_of
    )
    taste = np.repeat(shop.world.taste_of_user, np.diff(found.indptr))
    assert np.mean(shop.world.taste_of_item[found.item_idx] == taste) > 0.9


def test_they_are_what_is_told_by_hand(gifted, shop):
    as_of = gifted.as_of
    histories = shop.interactions.histories(np.arange(12, dtype=np.int32), as_of=as_of)
    found = gifted.retriever.retrieve(histories, as_of=as_of, allowed=gifted.snapshot.allowed(histories, as_of=as_of))
    table = gifted.features(histories, found, as_of=as_of)
    state = gifted.snapshot.items
    for trait in gifted.vectors.traits:
        column = table.values[:, table.names.index(f"{trait.name}_overlap")]
        for pair in range(0, len(found.item_idx), 7):
            taken = histories.take([found.rows[pair]]).positives()
            expected = naive(
                trait, taken, found.item_idx[pair], as_of=as_of, half_life=state.half_lives[-1], day=state.day
            )
            assert column[pair] == pytest.approx(expected, rel=1e-5)
    level = table.values[:, table.names.index("topic_taste_2")]
    assert level == pytest.approx(gifted.vectors.traits[0].levels[found.item_idx, 2])
    liked = shop.world.taste_of_user[:12][found.rows] == shop.world.taste_of_item[found.item_idx]
    overlap = table.values[:, table.names.index("topic_overlap")]
    assert np.nanmean(overlap[liked]) > np.nanmean(overlap[~liked]) + 0.2


def test_one_user_alone_many_together_and_after_a_reload_rank_alike(gifted, shop, tmp_path):
    gifted.save(tmp_path)
    loaded = Recommender.load(tmp_path)
    histories = shop.interactions.histories(np.arange(20, dtype=np.int32), as_of=gifted.as_of)
    together = gifted.recommend(histories, k=10, as_of=gifted.as_of)
    again = loaded.recommend(histories, k=10, as_of=gifted.as_of)
    assert (together.item_idx == again.item_idx).all()
    assert together.score == pytest.approx(again.score, abs=1e-6)
    for user in range(20):
        alone = gifted.recommend(histories.take([user]), k=10, as_of=gifted.as_of)
        part = slice(together.indptr[user], together.indptr[user + 1])
        assert (alone.item_idx == together.item_idx[part]).all()
        assert alone.score == pytest.approx(together.score[part], abs=1e-5)


def test_a_new_user_and_an_item_that_names_nothing_have_no_overlap(gifted, shop):
    traits = gifted.vectors.traits
    bare = traits[1].table.with_columns(
        word=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit([], THING)).otherwise("word")
    )
    vectors = replace(gifted.vectors, traits=(traits[0], Trait.of("words", bare)))
    snapshot = replace(gifted.snapshot, vectors=vectors)
    as_of = gifted.as_of
    histories = shop.interactions.histories(np.array([0], np.int32), as_of=as_of)
    nobody = histories.take([]).__class__.empty(1)
    for past, item, missing in ((histories, 3, [True]), (histories, 4, [False]), (nobody, 4, [True])):
        allowed = snapshot.allowed(past, as_of=as_of)
        pairs = gifted.retriever.score(past, [np.array([item], np.int32)], as_of=as_of, allowed=allowed)
        table = snapshot.features(past, pairs, as_of=as_of)
        assert np.isnan(table.values[:, table.names.index("words_overlap")]).tolist() == missing


def test_names_must_differ():
    twice = Trait.of("item", pl.DataFrame({"price": [0.5]}, schema={"price": CLASS}))
    with pytest.raises(ShapeError, match="got two 'item_price'; rename the head's folder or label"):
        features([twice])
    assert tuple(f.name for f in features(())) == FEATURE_NAMES


def test_an_ablation_leaves_them_out(traits):
    assert {"topic_overlap", "words_word", "interest"} <= text_features(traits)
