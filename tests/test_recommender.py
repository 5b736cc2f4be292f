"""One code path for one user or a million, blind to what comes later."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsys.data.config import SplitConfig
from recsys.data.interactions import Histories, Interactions
from recsys.data.split import TimeSplit
from recsys.errors import ShapeError
from recsys.ranking.config import RankingConfig, RecommenderConfig, RulesConfig, TreesConfig
from recsys.ranking.examination import Examination
from recsys.ranking.feature_list import FEATURE_NAMES, TEXT_FEATURES
from recsys.ranking.policy import EpsilonGreedy, Exploration, randomness
from recsys.ranking.ranker import Ranker
from recsys.ranking.rows import pace_of_new, table_of
from recsys.ranking.rulebook import Rulebook
from recsys.ranking.snapshot import Snapshot
from recsys.ranking.table import RankerTable
from recsys.recommender import Recommendations, Recommender, training_rows
from recsys.retrieval.candidates import SOURCES
from recsys.retrieval.config import RetrievalConfig
from recsys.schema import EVENT_CODES
from tests.conftest import RULES

TREES = TreesConfig(trees=30, leaves=7, min_rows=10)


@pytest.fixture(scope="module")
def histories(shop: Any) -> Histories:
    log = shop.interactions
    return log.histories(log.user_indices(), as_of=log.end)


def row(found: Recommendations, user: int) -> tuple[list[int], bytes, bytes, list[int], list[int]]:
    part = slice(found.indptr[user], found.indptr[user + 1])
    sources, rules = found.sources[part].tolist(), found.rules[part].tolist()
    chance = found.probability[part].tobytes()
    return found.item_idx[part].tolist(), found.score[part].tobytes(), chance, sources, rules


def test_lists_stay_within_the_taste(recommender: Recommender, histories: Histories, shop: Any) -> None:
    found = recommender.recommend(histories, k=3, as_of=recommender.as_of)
    taste = shop.world.taste_of_user[np.repeat(np.arange(len(found)), np.diff(found.indptr))]
    assert np.diff(found.indptr).tolist() == [3] * len(histories)
    assert np.mean(shop.world.taste_of_item[found.item_idx] == taste) > 0.95


def test_scores_fall_and_interest_is_a_probability(recommender: Recommender, histories: Histories) -> None:
    found = recommender.recommend(histories, k=10, as_of=recommender.as_of)
    for user in range(len(found)):
        part = slice(found.indptr[user], found.indptr[user + 1])
        assert (np.diff(found.score[part]) <= 0).all()
        assert len(set(found.item_idx[part].tolist())) == 10
    assert ((found.interest >= 0) & (found.interest <= 1)).all()
    assert ((found.probability > 0) & (found.probability < 1)).all()
    assert all((np.diff(found.probability[a:b]) <= 0).all() for a, b in pairwise(found.indptr))
    assert (found.propensity == 1).all()
    assert (found.sources > 0).all()


@pytest.mark.parametrize("name", ["recommender", "ruled"])
def test_alone_in_small_blocks_or_all_at_once_lists_are_equal(
    request: pytest.FixtureRequest, name: str, histories: Histories
) -> None:
    recommender = request.getfixturevalue(name)
    as_of = recommender.as_of
    together = recommender.recommend(histories, k=20, as_of=as_of)
    small = recommender.snapshot.config.model_copy(update={"retrieval": RetrievalConfig(block_values=7 * 48)})
    snapshot = replace(recommender.snapshot, config=small)
    assert len(snapshot.blocks(len(histories))) > 5
    in_blocks = Recommender(snapshot=snapshot, ranker=recommender.ranker).recommend(histories, k=20, as_of=as_of)
    for user in range(len(histories)):
        alone = recommender.recommend(histories.take([user]), k=20, as_of=as_of)
        assert row(alone, 0) == row(together, user) == row(in_blocks, user)


@pytest.mark.parametrize(
    "config",
    [
        RankingConfig(kind="linear"),
        RankingConfig(trees=TREES.model_copy(update={"seeds": 2, "monotone": "intermediate"}), calibration="platt"),
    ],
    ids=["linear", "two seeds"],
)
def test_every_kind_of_ranker_ranks_alike_alone_together_and_loaded(
    recommender: Recommender, histories: Histories, shop: Any, tmp_path: Path, config: RankingConfig
) -> None:
    ranker = Ranker.fit(rows_of(recommender, shop.interactions, shop, "all"), config)
    made, as_of = Recommender(snapshot=recommender.snapshot, ranker=ranker), recommender.as_of
    together = made.recommend(histories, k=20, as_of=as_of)
    assert ((together.probability > 0) & (together.probability < 1)).all()
    made.save(tmp_path)
    loaded = Recommender.load(tmp_path)
    for user in range(0, len(histories), 7):
        one = histories.take([user])
        alone = loaded.recommend(one, k=20, as_of=as_of)
        items = np.sort(alone.item_idx)
        assert row(alone, 0) == row(together, user) == row(made.rank(one, [items], as_of=as_of), 0)
        reasons = loaded.explain(one, alone.item_idx, as_of=as_of)
        told = [why.base + sum(why.contributions.values()) for why in reasons]
        assert told == pytest.approx(alone.score, abs=1e-5)


def test_ranking_the_recommended_items_gives_the_same_list(recommender: Recommender, histories: Histories) -> None:
    as_of = recommender.as_of
    found = recommender.recommend(histories, k=20, as_of=as_of)
    lists = [np.sort(found.item_idx[a:b]) for a, b in zip(found.indptr[:-1], found.indptr[1:], strict=True)]
    ranked = recommender.rank(histories, lists, as_of=as_of)
    assert [row(ranked, user) for user in range(len(histories))] == [row(found, user) for user in range(len(histories))]


def test_contributions_explain_the_scores(recommender: Recommender, histories: Histories) -> None:
    one = histories.take([3])
    found = recommender.recommend(one, k=5, as_of=recommender.as_of)
    for score, why in zip(found.score, recommender.explain(one, found.item_idx, as_of=recommender.as_of), strict=True):
        assert why.base + sum(why.contributions.values()) == pytest.approx(score, abs=1e-6)


def test_without_a_ranker_there_is_an_order_but_no_explanation(recommender: Recommender, histories: Histories) -> None:
    bare = Recommender(snapshot=recommender.snapshot, ranker=None)
    assert np.diff(bare.recommend(histories, k=5, as_of=bare.as_of).indptr).tolist() == [5] * len(histories)
    assert np.isnan(bare.recommend(histories, k=5, as_of=bare.as_of).probability).all()
    with pytest.raises(ShapeError, match="Expected a ranker to explain"):
        bare.explain(histories.take([0]), np.array([0], np.int32), as_of=bare.as_of)


def test_a_new_user_gets_what_is_popular(recommender: Recommender) -> None:
    found = recommender.recommend(Histories.empty(1), k=5, as_of=recommender.as_of)
    assert found.sources.tolist() == [1 << found.source_names.index("popular")] * 5


def test_more_than_there_is_gives_a_shorter_list(recommender: Recommender, histories: Histories) -> None:
    found = recommender.recommend(histories, k=1000, as_of=recommender.as_of)
    assert (np.diff(found.indptr) <= 48).all()


def test_what_is_not_allowed_is_not_recommended(recommender: Recommender, histories: Histories) -> None:
    as_of = recommender.as_of
    for_all = np.arange(48) < 10
    each = np.random.default_rng(0).random((len(histories), 48)) < 0.2
    found = recommender.recommend(histories, k=5, as_of=as_of, allowed=for_all)
    assert for_all[found.item_idx].all()
    found = recommender.recommend(histories, k=5, as_of=as_of, allowed=each)
    assert each[np.repeat(np.arange(len(found)), np.diff(found.indptr)), found.item_idx].all()
    assert len(recommender.recommend(histories, k=5, as_of=as_of, allowed=np.zeros(48, np.bool_)).item_idx) == 0


def obeying(recommender: Recommender, **rules: object) -> Recommender:
    """The same with these rules."""
    snapshot, config = recommender.snapshot, RulesConfig.model_validate(rules)
    book = Rulebook.of(config, catalog=snapshot.catalog, items=snapshot.items)
    return replace(recommender, snapshot=replace(snapshot, rules=book))


def test_rules_of_all_kinds_hold_in_every_list(ruled: Recommender, histories: Histories, shop: Any) -> None:
    found = ruled.recommend(histories, k=10, as_of=ruled.as_of)
    items = shop.catalog.items
    for user in range(len(found)):
        ids = found.item_idx[found.indptr[user] : found.indptr[user + 1]]
        assert ids[1] == 5
        assert items["brand"].gather(ids).value_counts()["count"].max() <= 4
        assert (items["category"].gather(ids) == "toys").sum() >= 2
        assert len(set(ids.tolist())) == len(ids)
    told = {name for bit, name in enumerate(found.rule_names) if (found.rules >> np.uint64(bit) & np.uint64(1)).any()}
    assert told == {
        "pinned",
        "diversity",
        "held back: in many lists",
        "boosted: tag red",
        "quota: category toys",
    }
    assert (found.propensity == 1).all()


def test_no_item_but_a_pinned_one_is_in_too_many_lists(ruled: Recommender, histories: Histories) -> None:
    unlimited = replace(ruled.snapshot.rules, prices=None)
    free = replace(ruled, snapshot=replace(ruled.snapshot, rules=unlimited))
    before, after = (
        np.bincount(made.recommend(histories, k=10, as_of=made.as_of).item_idx, minlength=48) / len(histories)
        for made in (free, ruled)
    )
    assert before[5] == after[5] == 1
    assert np.delete(before, 5).max() > 0.5 >= np.delete(after, 5).max()


def test_a_pin_obeys_availability_and_masks_but_not_the_target(
    recommender: Recommender, histories: Histories, shop: Any
) -> None:
    as_of = recommender.as_of
    user = histories.take([3])
    seen = int(user.positives().item_idx[0])
    pinned = obeying(recommender, pins=[{"item_id": shop.catalog.vocabulary.ids[seen], "rank": 2}])
    new = pinned.snapshot.config.model_copy(update={"target": "new"})
    pinned = replace(pinned, snapshot=replace(pinned.snapshot, config=new))

    def at_rank_2(who: Recommender, **request: object) -> bool:
        found = who.recommend(user, k=5, as_of=as_of, **request)  # type: ignore[arg-type]
        assert seen not in np.delete(found.item_idx, 1)
        return bool(found.item_idx[1] == seen)

    assert at_rank_2(pinned)
    assert at_rank_2(pinned, exclude_seen=False)
    assert not at_rank_2(pinned, exclude_seen=True)
    assert not at_rank_2(pinned, allowed=np.arange(48) != seen)
    over = pl.when(pl.col("item_idx") == seen).then(pl.lit(as_of, pl.Int64)).cast(pl.Datetime("us", "UTC"))
    catalog = replace(shop.catalog, items=shop.catalog.items.with_columns(available_until=over))
    assert not at_rank_2(replace(pinned, snapshot=replace(pinned.snapshot, catalog=catalog)))


def test_a_pin_is_there_though_no_source_proposed_it(recommender: Recommender) -> None:
    retriever = replace(recommender.retriever, config=RetrievalConfig(popular=5))
    few = replace(recommender, snapshot=replace(recommender.snapshot, retriever=retriever))
    proposed = few.recommend(Histories.empty(1), k=48, as_of=few.as_of).item_idx.tolist()
    assert len(proposed) == 5
    stranger = min(set(range(48)) - set(proposed))
    pinned = obeying(few, pins=[{"item_id": few.catalog.vocabulary.ids[stranger], "rank": 2}])
    found = pinned.recommend(Histories.empty(1), k=3, as_of=few.as_of)
    assert found.item_idx.tolist()[1] == stranger
    assert (found.sources > 0).tolist() == [True, False, True]
    assert stranger not in pinned.recommend(Histories.empty(1), k=1, as_of=few.as_of).item_idx


def test_a_list_that_is_drawn_may_hold_what_no_source_proposed(recommender: Recommender, histories: Histories) -> None:
    snapshot, user = recommender.snapshot, histories.take([3])
    config = snapshot.retriever.config.model_copy(update=dict.fromkeys(SOURCES, 0) | {"popular": 4})
    few = replace(recommender, snapshot=replace(snapshot, retriever=replace(snapshot.retriever, config=config)))
    (found,) = few.proposed(user, as_of=few.as_of)
    proposed = set(found.item_idx.tolist())
    assert len(proposed) == 4
    besides = np.zeros(len(few.catalog), np.bool_)
    besides[:20] = True
    allowed = np.ones(len(few.catalog), np.bool_)
    allowed[10:] = False
    exploration = Exploration(policy=EpsilonGreedy(epsilon=1.0), sources=[randomness(0, "r")], besides=besides)
    for mask in (None, allowed):
        got = few.recommend(user, k=1000, as_of=few.as_of, allowed=mask, exploration=exploration)
        may = set(range(len(few.catalog)) if mask is None else range(10))
        (usual,) = few.proposed(user, as_of=few.as_of, allowed=mask)
        assert set(got.item_idx.tolist()) == (set(usual.item_idx.tolist()) | set(range(20))) & may
    best = few.recommend(user, k=1000, as_of=few.as_of)
    assert set(best.item_idx.tolist()) == proposed


def test_a_pinned_item_that_a_user_may_not_get_elsewhere_is_drawn_nowhere_else(
    ruled: Recommender, histories: Histories
) -> None:
    pinned = next(iter(ruled.snapshot.rules.pins.values()))
    besides = np.zeros(len(ruled.catalog), np.bool_)
    besides[pinned] = True
    new = replace(
        ruled, snapshot=replace(ruled.snapshot, config=ruled.snapshot.config.model_copy(update={"target": "new"}))
    )
    takers = [n for n in range(len(histories)) if pinned in histories.take([n]).item_idx]
    found = new.scored(histories.take(takers[:5]), as_of=new.as_of, besides=besides)
    mine = found.item_idx == pinned
    assert mine.sum() == len(takers[:5]) > 0
    assert found.pinnable[mine].all()
    assert not found.listable[mine].any()


def test_ranking_returns_every_item_in_the_order_of_the_rules(recommender: Recommender, histories: Histories) -> None:
    everything = [np.arange(48, dtype=np.int32)] * len(histories)
    plain = recommender.rank(histories, everything, as_of=recommender.as_of)
    capped = obeying(recommender, caps=[{"by": "category", "most": 3}])
    found = capped.rank(histories, everything, as_of=recommender.as_of)
    codes = recommender.snapshot.items.category
    for user in range(len(histories)):
        by_score, got = (list(row(lists, user)[0]) for lists in (plain, found))
        seen = [sum(codes[i] == codes[item] for i in by_score[:n]) for n, item in enumerate(by_score)]
        first = [item for item, n in zip(by_score, seen, strict=True) if n < 3]
        assert got == first + [item for item in by_score if item not in first]


def test_rules_teach_the_ranker_nothing(recommender: Recommender, shop: Any) -> None:
    free = rows_of(recommender, shop.interactions, shop, "all")
    ruled = rows_of(recommender, shop.interactions, shop, "all", rules=RulesConfig.model_validate(RULES))
    for one, other in zip(free, ruled, strict=True):
        assert one.features.values.tobytes() == other.features.values.tobytes()


def test_seen_items_are_left_out_on_demand(recommender: Recommender, histories: Histories) -> None:
    found = recommender.recommend(histories, k=48, as_of=recommender.as_of, exclude_seen=True)
    seen = set(zip(histories.rows.tolist(), histories.item_idx.tolist(), strict=True))
    rows = np.repeat(np.arange(len(found)), np.diff(found.indptr)).tolist()
    assert not seen & set(zip(rows, found.item_idx.tolist(), strict=True))


def test_nobody_gives_nothing(recommender: Recommender) -> None:
    found = recommender.recommend(Histories.empty(0), k=5, as_of=recommender.as_of)
    assert (len(found), len(found.item_idx)) == (0, 0)


def test_unknown_items_are_refused(recommender: Recommender, histories: Histories) -> None:
    with pytest.raises(ShapeError, match="Expected item_idx from 0 to 47, got -1; leave unknown items out"):
        recommender.rank(histories.take([0]), [np.array([3, -1], np.int32)], as_of=recommender.as_of)
    with pytest.raises(ShapeError, match="Expected item_idx from 0 to 47, got 48; leave unknown items out"):
        recommender.explain(histories.take([0]), np.array([48], np.int32), as_of=recommender.as_of)
    with pytest.raises(ShapeError, match="Expected the history of one user to explain to, got 2; ask one by one"):
        recommender.explain(histories.take([0, 1]), np.array([3], np.int32), as_of=recommender.as_of)
    with pytest.raises(ShapeError, match="Expected one list of items per user, got 1 for 2 users"):
        recommender.rank(histories.take([0, 1]), [np.array([3], np.int32)], as_of=recommender.as_of)


def test_a_heavy_user_is_served(recommender: Recommender, histories: Histories) -> None:
    heavy = Histories.concat([histories] * 4)
    one = Histories(
        indptr=np.array([0, len(heavy.item_idx)]),
        **{name: getattr(heavy, name) for name in ("item_idx", "event", "value", "weight")},
        at=np.sort(heavy.at),
    )
    assert len(one.item_idx) > 7800
    assert len(recommender.recommend(one, k=5, as_of=recommender.as_of).item_idx) == 5


def test_events_at_the_instant_or_later_are_not_read(recommender: Recommender, histories: Histories) -> None:
    as_of = recommender.as_of
    late = Histories(
        indptr=np.array([0, 1]),
        item_idx=np.array([5], np.int32),
        event=np.array([EVENT_CODES["purchase"]], np.uint8),
        at=np.array([as_of]),
        value=np.array([np.nan]),
        weight=np.array([1], np.float32),
    )
    assert row(recommender.recommend(late, k=5, as_of=as_of), 0) == row(
        recommender.recommend(Histories.empty(1), k=5, as_of=as_of), 0
    )


@pytest.mark.parametrize("name", ["recommender", "ruled"])
def test_a_loaded_recommender_recommends_the_same(
    request: pytest.FixtureRequest, name: str, histories: Histories, tmp_path: Path
) -> None:
    recommender = request.getfixturevalue(name)
    recommender.save(tmp_path)
    loaded = Recommender.load(tmp_path)
    assert loaded.snapshot.rules.idle == (name == "recommender")
    later = recommender.as_of + 3 * 86_400_000_000
    expected, got = (r.recommend(histories, k=10, as_of=later) for r in (recommender, loaded))
    assert [row(got, user) for user in range(len(got))] == [row(expected, user) for user in range(len(expected))]
    assert {p.suffix for p in tmp_path.rglob("*") if p.is_file()} <= {
        ".json", ".npy", ".parquet", ".safetensors", ".faiss", ".txt"
    }  # fmt: skip


def rows_of(
    recommender: Recommender,
    interactions: Interactions,
    shop: Any,
    target: str,
    *,
    cold_share: float = 0.1,
    **config: Any,
) -> list[RankerTable]:
    return training_rows(
        catalog=shop.catalog,
        vectors=recommender.vectors,
        interest=recommender.retriever.interest,
        interactions=interactions,
        split=TimeSplit.of(shop.interactions, SplitConfig()),
        config=RecommenderConfig(
            target=target,  # type: ignore[arg-type]
            ranking=RankingConfig(trees=TREES, cold_share=cold_share),
            **config,
        ),
    )


@pytest.mark.parametrize("target", ["all", "new"])
def test_altering_the_future_leaves_rows_bit_equal(recommender: Recommender, shop: Any, target: str) -> None:
    tables = rows_of(recommender, shop.interactions, shop, target)
    for n, table in enumerate(tables):
        events = shop.interactions.events
        late = pl.col("at") >= table.as_of
        other = events.with_columns(
            item_idx=pl.when(late).then((pl.col("item_idx") * 7 + 1) % 48).otherwise("item_idx").cast(pl.Int32),
            weight=pl.when(late).then(1.0).otherwise("weight").cast(pl.Float32),
        )
        altered = Interactions(events=other, users=shop.interactions.users, n_items=48)
        got = rows_of(recommender, altered, shop, target)[n]
        assert got.features.values.tobytes() == table.features.values.tobytes()
        assert got.features.item_idx.tolist() == table.features.item_idx.tolist()
        assert got.gain.tolist() != table.gain.tolist()


def test_labels_are_the_heaviest_event_of_the_window(recommender: Recommender, shop: Any) -> None:
    for table in rows_of(recommender, shop.interactions, shop, "all"):
        window = shop.interactions.between(table.as_of, table.label_end).positives()
        users = np.intersect1d(window.user_indices(), shop.interactions.before(table.as_of).user_indices())
        best: dict[tuple[int, int], float] = {}
        for user, item, weight in window.events.select("user_idx", "item_idx", "weight").iter_rows():
            best[user, item] = max(weight, best.get((user, item), 0))
        rows = np.repeat(users, np.diff(table.features.indptr))
        expected = [best.get(key, 0.0) for key in zip(rows.tolist(), table.features.item_idx.tolist(), strict=True)]
        assert table.gain.tolist() == pytest.approx(expected)
        known = shop.interactions.before(table.as_of).seen_items()
        born = shop.catalog.known_before(table.as_of, known)
        assert born[table.features.item_idx].all()


@pytest.mark.parametrize("target", ["all", "new"])
def test_a_share_of_the_items_is_taken_for_new(recommender: Recommender, shop: Any, target: str) -> None:
    """They are proposed by text alone, to users who have not met them, and some are taken."""
    seen = set()
    for table in rows_of(recommender, shop.interactions, shop, target, cold_share=0.4):
        values = dict(zip(table.features.names, table.features.values.T, strict=True))
        new = values["item_takers"] == 0
        share = len(np.unique(table.features.item_idx[new])) / len(np.unique(table.features.item_idx))
        assert 0.2 < share < 0.6
        assert (table.gain[new] > 0).any()
        assert not values["score_ease"][new].any()
        assert (values["score_text"][new] != 0).any()
        past = shop.interactions.before(table.as_of)
        users = np.intersect1d(
            shop.interactions.between(table.as_of, table.label_end).positives().user_indices(), past.user_indices()
        )
        met = set(past.events.select("user_idx", "item_idx").iter_rows())
        assert not met & set(zip(users[table.rows[new]].tolist(), table.features.item_idx[new].tolist(), strict=True))
        seen.add(tuple(np.unique(table.features.item_idx[new]).tolist()))
    assert len(seen) == 3  # other ones at each instant
    none = rows_of(recommender, shop.interactions, shop, target, cold_share=0.0)
    assert all((t.features.values[:, t.features.names.index("item_takers")] > 0).all() for t in none)


def of_log(recommender: Recommender, log: Interactions, as_of: int) -> Snapshot:
    """What is known at an instant of another log of the same shop."""
    known = recommender.snapshot
    return Snapshot.of(
        log,
        catalog=known.catalog,
        vectors=known.vectors,
        interest=known.retriever.interest,
        as_of=as_of,
        config=known.config,
    )


@pytest.mark.parametrize(("kept", "pace"), [(0, 10 / 18), (2, None), (99, 1.0)])
def test_how_often_what_nobody_had_met_is_taken(
    recommender: Recommender, shop: Any, kept: int, pace: float | None
) -> None:
    """Eight old items are first met after the instant, some of them never; eight others are taken for new.

    Items that say they were created after it are none of them: before, nobody could take them.
    """
    as_of, label_end = TimeSplit.of(shop.interactions, SplitConfig()).label_windows()[0]
    created = shop.catalog.items["created_at"].dt.epoch("us")
    old = np.flatnonzero(created.is_null().to_numpy())
    assert (created >= as_of).any()
    new, events = pl.col("item_idx").is_in(old[-8:].tolist()), shop.interactions.events
    first = pl.col("item_idx").cum_count().over("item_idx") <= kept
    later = events.filter((pl.col("at") >= as_of) & (pl.col("weight") > 0)).filter(~new | first)
    log = replace(shop.interactions, events=pl.concat([events.filter((pl.col("at") < as_of) & ~new), later]))
    whole = of_log(recommender, log, as_of)
    future = log.between(as_of, label_end).positives()
    if pace is None:
        takes = np.bincount(future.events["item_idx"], minlength=48)
        met = log.before(as_of).seen_items()
        pace = (takes[old[-8:]].sum() / takes[met].mean() + 10) / 18
        assert 10 / 18 < pace < 1
    assert pace_of_new(whole, future) == pytest.approx(pace)
    assert pace_of_new(whole.without(old[:8].astype(np.int32)), future) == pytest.approx(pace)


def test_the_slower_new_items_are_the_less_is_taken_of_what_is_taken_for_new(
    recommender: Recommender, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(pace: float) -> tuple[int, list[float]]:
        monkeypatch.setattr("recsys.ranking.rows.pace_of_new", lambda *_: pace)
        tables = rows_of(recommender, shop.interactions, shop, "all", cold_share=0.4)
        new = [table.features.values[:, table.features.names.index("item_takers")] == 0 for table in tables]
        taken = sum(int((table.gain[n] > 0).sum()) for table, n in zip(tables, new, strict=True))
        return taken, [gain for table, n in zip(tables, new, strict=True) for gain in table.gain[~n].tolist()]

    whole, others = counted(1.0)
    half, same = counted(0.5**4)
    assert counted(0.0)[0] == 0
    assert half == pytest.approx(whole / 2, rel=0.3)
    assert same == others


def test_where_places_are_told_what_was_taken_low_counts_more(recommender: Recommender, shop: Any) -> None:
    """Every click of the first days was at place 1, of the last at place 3; purchases say nothing of themselves."""
    split = TimeSplit.of(shop.interactions, SplitConfig())
    as_of, label_end = split.label_windows()[-1]
    middle = (as_of + label_end) // 2
    clicked = pl.col("event") == EVENT_CODES["click"]
    place = pl.when(clicked).then(pl.when(pl.col("at") < middle).then(1).otherwise(3)).cast(pl.Int32)
    told = replace(shop.interactions, events=shop.interactions.events.with_columns(position=place))
    snapshot = of_log(recommender, told, as_of)
    plain, counted = (
        table_of(snapshot, told, label_end=label_end, examination=seen)
        for seen in (None, Examination(eta=1.0, error=0.1, taken=9, limit=2.5))
    )
    assert plain.times is None
    assert counted.times is not None
    assert counted.gain.tolist() == plain.gain.tolist()
    users = np.intersect1d(told.between(as_of, label_end).positives().user_indices(), told.before(as_of).user_indices())
    best: dict[tuple[int, int], float] = {}
    last: dict[tuple[int, int], int] = {}
    window = told.between(as_of, label_end).events
    for user, item, weight, at in window.select("user_idx", "item_idx", "weight", "position").iter_rows():
        last[user, item] = at or last.get((user, item), 1)
        best[user, item] = max(weight * min(last[user, item], 2.5), best.get((user, item), 0))
    keys = zip(users[counted.rows].tolist(), counted.features.item_idx.tolist(), strict=True)
    assert counted.counted.tolist() == pytest.approx([best.get(key, 0.0) for key in keys], rel=1e-6)
    assert set(np.round(counted.times, 4).tolist()) == {1.0, 2.5}


def test_the_ablation_reads_no_text(recommender: Recommender, histories: Histories, shop: Any) -> None:
    tables = rows_of(recommender, shop.interactions, shop, "all")
    blind = Ranker.fit(tables, RankingConfig(trees=TREES), without=TEXT_FEATURES)
    assert set(blind.features) == set(FEATURE_NAMES) - TEXT_FEATURES
    assert {"interest", "score_text", "score_text_neighbours", "like_last"} <= TEXT_FEATURES
    found = Recommender(snapshot=recommender.snapshot, ranker=blind).recommend(histories, k=5, as_of=recommender.as_of)
    assert np.diff(found.indptr).tolist() == [5] * len(histories)


@pytest.fixture(scope="module")
def grown(recommender: Recommender, toy_encoder: Path) -> Recommender:
    """With a new item that reads like item 0, and item 1 replaced by one that reads like item 0."""
    from recsys.retrieval.onnx import OnnxEncoder

    text = recommender.catalog.texts[0]
    rows = pl.DataFrame({"item_id": ["new", recommender.catalog.vocabulary.ids[1]], "title": [text, text]})
    return recommender.put(rows, OnnxEncoder.load(toy_encoder).encode([text, text]), text_chars=600)


def test_an_item_that_is_put_is_found_by_its_text(grown: Recommender, histories: Histories, shop: Any) -> None:
    new = len(shop.catalog)
    assert grown.catalog.vocabulary.encode(["new"]).tolist() == [new]
    mine = shop.world.taste_of_user == shop.world.taste_of_item[0]
    may = grown.snapshot.allowed(histories, as_of=grown.as_of)
    candidates = grown.retriever.retrieve(histories, as_of=grown.as_of, allowed=may)
    place = candidates.places()[candidates.item_idx == new, SOURCES.index("text")]
    assert np.median(place[mine]) < 13 <= np.median(place[~mine])  # a taste has 12 of the 48 items
    found = grown.recommend(histories, k=len(grown.catalog), as_of=grown.as_of)
    bits = {found.sources[at] for at in np.flatnonzero(found.item_idx == new)}
    names = {name for bit, name in enumerate(found.source_names) if any(b >> bit & 1 for b in bits)}
    assert names == {"text", "text_neighbours", "lexical"}


def test_what_is_put_does_not_change_the_order_of_the_rest(
    recommender: Recommender, grown: Recommender, histories: Histories
) -> None:
    """Item 1 changed its text, and with it the text neighbours of its own."""
    rest = np.arange(len(grown.catalog)) < len(recommender.catalog)
    rest[1] = False
    before = recommender.recommend(histories, k=9, as_of=recommender.as_of, allowed=rest[:-1])
    after = grown.recommend(histories, k=9, as_of=recommender.as_of, allowed=rest)
    without = [1 not in histories.take([user]).item_idx for user in range(len(histories))]
    assert sum(without) > 10
    for user in np.flatnonzero(without):
        assert row(before, user)[0] == row(after, user)[0]


def test_vectors_of_another_width_or_number_are_refused(recommender: Recommender) -> None:
    rows = pl.DataFrame({"item_id": ["new"]})
    with pytest.raises(ShapeError, match=r"Expected vectors of shape \(1, \d+\) for 1 items, got \(1, 3\)"):
        recommender.put(rows, np.ones((1, 3), np.float32), text_chars=600)
