"""What the encoder may see."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.errors import TrainingError
from recsys.text.corpus import Corpus


def test_only_texts_and_events_before_the_end(shop, split, corpus):
    seen = shop.interactions.before(split.encoder_end)
    items = set(seen.events["item_idx"])
    assert set(corpus.texts) == {shop.catalog.texts[i] for i in items}
    assert len(shop.catalog) > len(items)
    assert corpus.at.max() < split.encoder_end
    assert len(corpus.at) == len(seen.positives())
    assert corpus.valid_start == seen.positives().events["at"].quantile(0.8, "nearest")


def test_events_keep_their_text_and_are_sorted_by_user_then_time(shop, corpus, split):
    order = np.lexsort((corpus.at, corpus.user))
    assert np.array_equal(corpus.user[order], corpus.user)
    assert (np.diff(corpus.at)[np.diff(corpus.user) == 0] >= 0).all()
    events = shop.interactions.before(split.encoder_end).positives().events
    expected = sorted(
        (u, at, shop.catalog.texts[i]) for u, at, i in events.select("user_idx", "at", "item_idx").iter_rows()
    )
    got = sorted(
        (u, at, corpus.texts[t]) for u, at, t in zip(corpus.user.tolist(), corpus.at.tolist(), corpus.text, strict=True)
    )
    assert got == expected


def test_items_of_one_text_are_one(shop, split):
    items = shop.catalog.items.drop("item_idx", "text").with_columns(
        **{c: pl.lit("same") for c in ("title", "description", "category", "brand")},
        tags=pl.lit(None, pl.List(pl.String)),
    )
    halves = items.with_columns(title=pl.when(pl.int_range(pl.len()) < 24).then(pl.lit("a")).otherwise(pl.lit("b")))
    corpus = Corpus.of(Catalog.of(halves, text_chars=600), shop.interactions, split.encoder_end, valid_fraction=0.2)
    assert len(corpus.texts) == 2
    with pytest.raises(TrainingError, match=r"Expected at least 2 distinct texts .* got 1 texts"):
        Corpus.of(Catalog.of(items, text_chars=600), shop.interactions, split.encoder_end, valid_fraction=0.2)


def test_nothing_to_learn_from(shop):
    none = Interactions(
        events=shop.interactions.events.clear(), users=shop.interactions.users, n_items=len(shop.catalog)
    )
    with pytest.raises(TrainingError, match="bring a longer log"):
        Corpus.of(shop.catalog, none, 1, valid_fraction=0.2)


def test_histories_and_until(corpus):
    users = np.array([5, 9999, 2], np.int32)
    histories = corpus.histories(users)
    assert np.diff(histories.indptr).tolist() == [(corpus.user == u).sum() for u in users]
    assert np.array_equal(histories.item_idx[: histories.indptr[1]], corpus.text[corpus.user == 5])
    assert corpus.until(corpus.valid_start).at.max() < corpus.valid_start


def test_every_third_users_window_judges_and_all_else_teaches(corpus):
    teaching = corpus.teaching()
    held_out = (corpus.user % 3 == 0) & (corpus.at >= corpus.valid_start)
    assert 0 < held_out.sum() == corpus.judging.sum() == len(corpus.user) - len(teaching.user)
    assert teaching.at[teaching.user % 3 == 0].max() < corpus.valid_start
    assert teaching.at[teaching.user % 3 == 1].max() >= corpus.valid_start


def test_the_digest_knows_every_part(corpus):
    others = [
        replace(corpus, texts=(*corpus.texts[:-1], "x")),
        replace(corpus, text=corpus.text[::-1].copy()),
        replace(corpus, weight=corpus.weight * 2),
        replace(corpus, day=1),
        replace(corpus, valid_start=corpus.valid_start + 1),
    ]
    digests = {c.digest for c in (corpus, *others)}
    assert len(digests) == 6
    assert replace(corpus).digest == corpus.digest
