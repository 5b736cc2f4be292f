"""Users who have just come: what is shown of them, and that nothing else of theirs is known."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pipelines.newcomers import FOLDS, _lists, beginnings, rows, without
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.data.interactions import Histories
from recsys.errors import UsageError
from recsys.ranking.ranker import Ranker
from recsys.ranking.rows import training_rows
from recsys.schema import EVENT_CODES


@pytest.fixture(scope="module")
def parts(evaluated):
    """Without words: in this small shop those of one event tell all of a taste, and ten events tell no more."""
    loaded = Parts.load(RunDirectory.open(evaluated))
    retrieval = loaded.config.retrieval.model_copy(update={"lexical": 0})
    return replace(loaded, config=loaded.config.model_copy(update={"retrieval": retrieval}))


@pytest.fixture(scope="module")
def ranker(parts):
    """Of rows as they are: with so few items, which of them are taken for new decides what ten events are worth."""
    config = parts.config.model_copy(update={"ranking": parts.config.ranking.model_copy(update={"cold_share": 0.0})})
    names = ("catalog", "vectors", "interest", "interactions", "split")
    tables = training_rows(**{name: getattr(parts, name) for name in names}, config=config)
    words = frozenset(f"{view}_lexical" for view in ("score", "relative", "place"))
    return Ranker.fit(tables, config.ranking, seed=config.seed, without=words)


@pytest.fixture(scope="module")
def config(evaluated):
    return RunDirectory.open(evaluated).settings.evaluation


def test_the_first_events_are_moved_to_where_the_last_one_lay():
    weight = [0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    whole = Histories(
        indptr=np.array([0, 5, 7]),
        item_idx=np.array([9, 1, 2, 3, 9, 4, 5], np.int32),
        event=np.full(7, EVENT_CODES["purchase"], np.uint8),
        at=np.array([1, 10, 20, 50, 99, 7, 7]),
        value=np.full(7, np.nan),
        weight=np.array(weight, np.float32),
    )
    shown = beginnings(whole, 2)
    assert shown.item_idx.tolist() == [1, 2, 4, 5]
    assert shown.at.tolist() == [10 + (50 - 20), 20 + (50 - 20), 7, 7]
    assert shown.indptr.tolist() == [0, 2, 4]
    assert beginnings(whole, 1).at.tolist() == [10 + (50 - 10), 7]
    assert (len(beginnings(whole, 0)), len(beginnings(whole, 0).item_idx)) == (2, 0)


def test_a_log_without_some_users(shop):
    log = shop.interactions
    rest = without(log, np.array([3, 5], np.int32))
    assert set(rest.user_indices()) == set(log.user_indices()) - {3, 5}
    assert len(rest) == len(log) - sum(len(log.histories(np.array([u]), as_of=log.end).at) for u in (3, 5))


@pytest.fixture(scope="module")
def curve(parts, ranker, config):
    found = list(rows(parts, ranker, events=[0, 1, 3, 10], config=config))
    return {(row.events, row.method): row for row in found}


def test_the_same_users_are_judged_at_every_point(curve):
    assert [*curve] == [(n, who) for n in (0, 1, 3, 10, None) for who in ("recsys", "popularity")]
    assert len({row.ndcg.n for row in curve.values()}) == 1
    for (events, who), row in curve.items():
        ours = curve[events, "recsys"]
        assert (row.ahead is None) == (who == "recsys")
        if row.ahead is not None:
            assert row.ahead.mean == pytest.approx(ours.ndcg.mean - row.ndcg.mean)


def test_more_events_make_better_lists_and_popularity_stays(curve):
    ours = [curve[n, "recsys"].ndcg for n in (0, 1, 3, 10, None)]
    assert ours[0].high < min(each.low for each in ours[1:])
    assert ours[1].mean < min(each.mean for each in ours[3:])
    assert curve[10, "popularity"].ahead.low > 0
    assert len({curve[n, "popularity"].recall for n in (0, 1, 3, 10, None)}) == 1


def test_of_newcomers_nothing_is_known_but_what_is_shown(parts, ranker):
    """What one user did later is altered: the user's lists by the first events stay, the list by all does not."""
    users, as_of = np.arange(12, dtype=np.int32), parts.split.ranker_end
    events = parts.interactions.events.with_row_index("row")
    own = events.filter((pl.col("user_idx") == 4) & (pl.col("at") < as_of) & (pl.col("weight") > 0))["row"]
    hidden = pl.col("row").is_in(own[3:].to_list())
    other = events.with_columns(
        item_idx=pl.when(hidden).then((pl.col("item_idx") * 7 + 1) % 48).otherwise("item_idx").cast(pl.Int32)
    ).drop("row")
    altered = replace(parts, interactions=replace(parts.interactions, events=other))
    before, after = (_lists(each, ranker, users, (1, 3, None)) for each in (parts, altered))
    for who in ("recsys", "popularity"):
        for n in (1, 3):
            assert before[n, who][4].tolist() == after[n, who][4].tolist()
    assert before[None, "recsys"][4].tolist() != after[None, "recsys"][4].tolist()
    assert any(before[3, "recsys"][u].tolist() != after[3, "recsys"][u].tolist() for u in range(12))


def test_without_events_everybody_of_a_part_gets_one_list(parts, ranker):
    made = _lists(parts, ranker, np.arange(12, dtype=np.int32), (0,))
    assert len({tuple(row) for row in made[0, "recsys"].tolist()}) <= FOLDS
    assert (made[0, "recsys"][:, :5] >= 0).all()


def test_more_events_than_anybody_has(parts, ranker, config):
    with pytest.raises(UsageError, match=r"Expected users with 9999 positive events before ranker_end.*ask for fewer"):
        list(rows(parts, ranker, events=[1, 9999], config=config))
