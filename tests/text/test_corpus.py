"""What the encoder may see."""

import zlib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import TrainingError
from recsys.schema import DAY, EVENT_CODES
from recsys.text.corpus import Corpus
from recsys.text.impressions import Impressions


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


def test_every_third_users_window_judges_and_all_else_teaches(shop, corpus):
    teaching = corpus.teaching()
    ids = shop.interactions.users.ids
    assert corpus.judges.tolist() == [zlib.crc32(i.encode()) % 3 == 0 for i in ids]
    assert 0.2 < corpus.judges.mean() < 0.45
    held_out = corpus.judges[corpus.user] & (corpus.at >= corpus.valid_start)
    assert 0 < held_out.sum() == corpus.judging.sum() == len(corpus.user) - len(teaching.user)
    assert teaching.at[corpus.judges[teaching.user]].max() < corpus.valid_start
    assert teaching.at[~corpus.judges[teaching.user]].max() >= corpus.valid_start


def test_a_longer_log_has_the_same_judges(shop, corpus):
    events = shop.interactions.events.with_columns(user_idx=pl.col("user_idx") + 2)
    users = Vocabulary.ordered(["newcomer", "other", *shop.interactions.users.ids])
    longer = Interactions(events=events, users=users, n_items=len(shop.catalog))
    assert Corpus.of(shop.catalog, longer, corpus.end, valid_fraction=0.2).judges[2:].tolist() == corpus.judges.tolist()


def test_windows_that_judged_earlier_teachers_do_not_teach(corpus):
    start = int(np.quantile(corpus.at, 0.4))
    later = replace(corpus, earlier=((start, start + 5 * DAY),))
    teaching = later.teaching()
    inside = (teaching.at >= start) & (teaching.at < start + 5 * DAY)
    assert inside.any()
    assert not corpus.judges[teaching.user[inside]].any()
    assert later.judging.tolist() == corpus.judging.tolist()


def test_another_window_of_the_same_texts(corpus):
    start, end = (int(np.quantile(corpus.at, q)) for q in (0.4, 0.6))
    past = corpus.window(start, end)
    assert (past.valid_start, past.end, past.texts) == (start, end, corpus.texts)
    assert past.at.max() < end
    assert past.at[past.judging].min() >= start


WITH_IMPRESSIONS = [("impression", 0, 3), ("purchase", 1, 5), ("impression", 1, 5), ("impression", 0, 99)]


def test_impressions_are_kept_apart_from_what_is_taken(shop, split):
    first = shop.interactions.events["at"].min()
    rows = pl.DataFrame(
        {
            "user_idx": [0, 1, 1, 0],
            "item_idx": [0, 1, 1, 0],
            "event": [EVENT_CODES[name] for name, _, _ in WITH_IMPRESSIONS],
            "at": [first + day * DAY for _, _, day in WITH_IMPRESSIONS],
            "weight": [0.0, 1.0, 0.0, 0.0],
        },
        schema_overrides={"user_idx": pl.Int32, "item_idx": pl.Int32, "event": pl.UInt8, "weight": pl.Float32},
    )
    events = pl.concat([shop.interactions.events, rows], how="diagonal").sort("at")
    log = Interactions(events=events, users=shop.interactions.users, n_items=len(shop.catalog))
    shown = Corpus.of(shop.catalog, log, first + 90 * DAY, valid_fraction=0.2).impressions
    assert list(zip(shown.user.tolist(), (shown.at - first).tolist(), strict=True)) == [(0, 3 * DAY), (1, 5 * DAY)]


def told(shop, texts):
    """The shop's catalogue with other texts."""
    columns = {c: pl.lit(None, shop.catalog.items[c].dtype) for c in ("description", "category", "brand", "tags")}
    items = shop.catalog.items.drop("item_idx", "text").with_columns(title=pl.Series(texts), **columns)
    return Catalog.of(items, text_chars=600)


def test_events_of_items_without_text_are_left_out_and_counted(shop, split, corpus):
    texts = [f"thing {i}" if i % 4 else None for i in range(len(shop.catalog))]
    some = Corpus.of(told(shop, texts), shop.interactions, split.encoder_end, valid_fraction=0.2)
    assert "" not in some.texts
    lost = shop.interactions.before(split.encoder_end).positives().events["item_idx"] % 4 == 0
    assert some.textless == lost.sum() > 0
    assert len(some.user) + some.textless == len(corpus.user)


def test_a_shop_without_any_text(shop, split):
    catalog = told(shop, [" "] * len(shop.catalog))
    with pytest.raises(TrainingError, match=r"got \d+ items known before encoder_end without any text; add one of"):
        Corpus.of(catalog, shop.interactions, split.encoder_end, valid_fraction=0.2)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_none(shop, split, weight):
    first = pl.int_range(pl.len()) == 3
    events = shop.interactions.events.with_columns(
        weight=pl.when(first).then(pl.lit(weight, pl.Float32)).otherwise("weight")
    )
    log = Interactions(events=events, users=shop.interactions.users, n_items=len(shop.catalog))
    with pytest.raises(
        TrainingError, match=rf"above 0 of positive events, got {weight} and 1 such events in all; corr"
    ):
        Corpus.of(shop.catalog, log, split.encoder_end, valid_fraction=0.2)


def test_the_digest_knows_every_part(corpus):
    others = [
        replace(corpus, texts=(*corpus.texts[:-1], "x")),
        replace(corpus, text=corpus.text[::-1].copy()),
        replace(corpus, weight=corpus.weight * 2),
        replace(corpus, day=1),
        replace(corpus, valid_start=corpus.valid_start + 1),
        replace(corpus, judges=~corpus.judges),
        replace(corpus, earlier=((1, 2),)),
        replace(corpus, impressions=Impressions(user=corpus.user[:1], text=corpus.text[:1], at=corpus.at[:1])),
    ]
    digests = {c.digest for c in (corpus, *others)}
    assert len(digests) == 1 + len(others)
    assert replace(corpus).digest == corpus.digest


def test_what_goes_on_from_a_teacher_is_judged_by_what_came_after_it(corpus):
    early = corpus.valid_start - DAY, corpus.valid_start + DAY
    later = corpus.after((early,))
    assert later.earlier == (early,)
    assert later.valid_start == corpus.valid_start + DAY
    assert corpus.after(((0, 1),)).valid_start == corpus.valid_start


def test_a_log_that_does_not_go_on(corpus):
    with pytest.raises(TrainingError, match=r"goes on after 2024-\S+, the last teacher's encoder_end, .* newer events"):
        corpus.after(((corpus.valid_start, corpus.end),))
