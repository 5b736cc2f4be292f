"""Pairs whose items are as popular as each other."""

import numpy as np
import polars as pl
import pytest

from recsys.data.interactions import Interactions
from recsys.errors import ShapeError, SplitError
from recsys.evaluation.matched import MatchedPairs

START, END = 1_706_700_000_000_000, 1_712_000_000_000_000


@pytest.fixture(scope="module")
def pairs(shop):
    users = shop.interactions.before(START).user_indices()
    return MatchedPairs.of(shop.interactions, users, start=START, end=END, most=4, seed=0)


def of_user(events: pl.DataFrame, user: int) -> set[int]:
    return set(events.filter(pl.col("user_idx") == user)["item_idx"].to_list())


def test_positives_are_new_and_negatives_were_never_touched(shop, pairs):
    log = shop.interactions
    past, window = log.before(START).events, log.between(START, END).positives().events
    for user in np.unique(pairs.user_idx):
        mine = pairs.user_idx == user
        positives, negatives = set(pairs.positive[mine]), set(pairs.negative[mine])
        assert len(positives) == len(negatives) == mine.sum() <= 4
        assert positives <= of_user(window, user) - of_user(past.filter(pl.col("weight") > 0), user)
        assert not negatives & of_user(log.before(END).events, user)
    assert len(np.unique(pairs.user_idx)) > 40


def test_a_negative_is_the_nearest_in_takers_in_the_window(shop, pairs):
    window = shop.interactions.between(START, END).positives().events
    takers = {item: frame["user_idx"].n_unique() for (item,), frame in window.group_by("item_idx")}
    first = np.flatnonzero(np.r_[True, np.diff(pairs.user_idx) != 0])
    for row in first:
        touched = of_user(shop.interactions.before(END).events, pairs.user_idx[row])
        distances = [abs(n - takers[pairs.positive[row]]) for item, n in takers.items() if item not in touched]
        assert abs(takers[pairs.negative[row]] - takers[pairs.positive[row]]) == min(distances)


def test_the_same_seed_draws_the_same_and_another_does_not(shop, pairs):
    users = shop.interactions.before(START).user_indices()
    again, other = (
        MatchedPairs.of(shop.interactions, users, start=START, end=END, most=4, seed=seed) for seed in (0, 1)
    )
    assert np.array_equal(again.negative, pairs.negative)
    assert not np.array_equal(other.negative, pairs.negative)


def test_only_the_taste_of_the_user_tells_the_two_apart(shop, pairs):
    taste = shop.world.taste_of_item
    of_users = shop.world.taste_of_user[pairs.user_idx]
    knowing = pairs.auc((taste[pairs.positive] == of_users) * 1.0, (taste[pairs.negative] == of_users) * 1.0)
    assert knowing["auc"].mean() > 0.85


def test_auc_is_the_share_of_pairs_won_user_by_user():
    pairs = MatchedPairs(
        user_idx=np.array([1, 1, 1, 4], np.int32),
        positive=np.array([0, 1, 2, 3], np.int32),
        negative=np.array([4, 5, 6, 7], np.int32),
    )
    found = pairs.auc(np.array([0.9, 0.5, 0.1, 0.2]), np.array([0.3, 0.5, 0.4, 0.1]))
    assert found.to_dict(as_series=False) == {"user_idx": [1, 4], "auc": [(1 + 0.5 + 0) / 3, 1.0]}
    assert pairs.of_users(np.array([4], np.int32)).positive.tolist() == [3]
    with pytest.raises(ShapeError, match=r"Expected 4 scores of each kind, got \(3,\) and \(4,\)"):
        pairs.auc(np.zeros(3), np.zeros(4))


def test_a_window_without_anything_new_is_told(shop):
    log = shop.interactions
    still = Interactions(events=log.events.filter(pl.col("at") < START), users=log.users, n_items=log.n_items)
    with pytest.raises(SplitError, match="Expected users who take something new in the window"):
        MatchedPairs.of(still, still.user_indices(), start=START, end=END, most=4, seed=0)
