"""AUC against pairs counted one by one and against the Mann-Whitney test."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from recsys.errors import ShapeError
from recsys.evaluation.auc import Impressions, auc, gauc, per_user_auc
from recsys.evaluation.compare import compare, estimate

SHOWN = st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3), st.booleans()), min_size=1, max_size=40)


def shown(rows) -> Impressions:
    """(user, score, clicked) of each."""
    user, score, clicked = zip(*rows, strict=True)
    return Impressions(
        user_idx=np.array(user, np.int32), score=np.array(score, np.float32), clicked=np.array(clicked, np.bool_)
    )


def by_pairs(rows) -> float | None:
    """The share of pairs that are in order, one by one."""
    won = [s for _, s, c in rows if c]
    lost = [s for _, s, c in rows if not c]
    if not won or not lost:
        return None
    return sum((a > b) + 0.5 * (a == b) for a in won for b in lost) / (len(won) * len(lost))


@given(SHOWN)
def test_each_users_auc_is_the_share_of_pairs(rows):
    got = per_user_auc(shown(rows))
    own = {user: by_pairs([row for row in rows if row[0] == user]) for user in sorted({row[0] for row in rows})}
    expected = {user: value for user, value in own.items() if value is not None}
    assert got["user_idx"].to_list() == list(expected)
    assert got["auc"].to_list() == pytest.approx(list(expected.values()), abs=1e-12)
    assert got.schema == {"user_idx": pl.Int32, "auc": pl.Float64}


@given(SHOWN)
def test_the_auc_of_all_is_mann_whitneys(rows):
    got = auc(shown(rows), samples=2)
    won, lost = [s for _, s, c in rows if c], [s for _, s, c in rows if not c]
    if not won or not lost:
        assert got is None
    else:
        statistic = mannwhitneyu(won, lost, method="asymptotic").statistic
        assert got.mean == pytest.approx(statistic / (len(won) * len(lost)), abs=1e-12)


@given(SHOWN)
def test_gauc_weighs_users_by_their_impressions(rows):
    got = gauc(shown(rows), samples=2)
    users = [[row for row in rows if row[0] == user] for user in range(4)]
    judged = [(by_pairs(own), len(own)) for own in users if by_pairs(own) is not None]
    if not judged:
        assert got is None
    else:
        assert got.mean == pytest.approx(sum(a * n for a, n in judged) / sum(n for _, n in judged), abs=1e-12)


def test_by_hand():
    """User 4: of four pairs one is right and one a tie. User 2: the one pair is right. User 9 clicks all."""
    rows = [(4, 0.5, 1), (4, 0.5, 0), (4, 0.1, 1), (4, 0.3, 0), (2, 0.2, 1), (2, 0.1, 0), (9, 0.9, 1)]
    assert per_user_auc(shown(rows)).rows() == [(2, 1.0), (4, 1.5 / 4)]
    assert gauc(shown(rows), samples=100).mean == pytest.approx((2 * 1 + 4 * 1.5 / 4) / 6)
    # .9 is above three others, .5 above two and level with one, .2 above one, .1 level with one
    assert auc(shown(rows), samples=100).mean == pytest.approx((3 + 2.5 + 1 + 0.5) / 12)


def test_knowing_who_clicks_much_is_no_knowledge_of_what():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(200, dtype=np.int32), 20)
    eager = rng.beta(0.5, 0.5, 200)[user]
    found = Impressions(user_idx=user, score=eager, clicked=rng.random(len(user)) < eager)
    assert auc(found, samples=50).mean > 0.8
    assert estimate(per_user_auc(found), "auc", samples=50).mean == 0.5
    assert gauc(found, samples=50).mean == 0.5


def worlds(n_users: int, seed: int) -> Impressions:
    """Users differ in what they click and in how well the score knows it."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users, dtype=np.int32), 10)
    clicked = rng.random(len(user)) < rng.beta(1, 2, n_users)[user]
    return Impressions(user_idx=user, score=rng.normal(rng.normal(1, 1, n_users)[user] * clicked), clicked=clicked)


def test_the_interval_of_all_resamples_users():
    """As many resamples drawn by copying rows: the same quantiles within their own noise."""
    found = worlds(60, 1)
    got = auc(found, samples=1500, seed=0)
    rng = np.random.default_rng(99)
    rows = np.arange(600).reshape(60, 10)
    by_copy = []
    for _ in range(600):
        pick = rows[rng.integers(0, 60, 60)].ravel()
        won, lost = (found.score[pick][found.clicked[pick] == side] for side in (True, False))
        by_copy.append(mannwhitneyu(won, lost, method="asymptotic").statistic / (len(won) * len(lost)))
    spread = np.std(by_copy)
    assert [got.low, got.high] == pytest.approx(np.quantile(by_copy, [0.025, 0.975]), abs=0.3 * spread)


@pytest.mark.parametrize("judge", [auc, gauc])
def test_intervals_hold_the_truth(judge):
    truth = judge(worlds(20_000, 2), samples=2).mean
    held = 0
    for seed in range(100):
        got = judge(worlds(80, 10 + seed), samples=200, seed=seed)
        held += got.low <= truth <= got.high
    assert held >= 88  # fewer of 100 at 95 % come once in 250 times


def test_two_scores_are_compared_user_by_user():
    found = worlds(100, 3)
    blind = Impressions(user_idx=found.user_idx, score=np.zeros(1000), clicked=found.clicked)
    got = compare(per_user_auc(found), per_user_auc(blind), "auc", samples=300)
    assert got.sign == 1
    assert got.mean == pytest.approx(per_user_auc(found)["auc"].mean() - 0.5)


def test_one_kind_alone_has_no_auc():
    alike = shown([(1, 0.3, 1), (2, 0.4, 1)])
    assert auc(alike) is None
    assert gauc(alike) is None
    assert per_user_auc(alike).rows() == []


def test_one_user_has_no_interval():
    got = auc(shown([(1, 0.3, 1), (1, 0.4, 0)]), samples=20)
    assert (got.mean, got.low, got.high, got.n) == (0, None, None, 1)


def test_scores_that_are_not_there_are_refused():
    with pytest.raises(ShapeError, match=r"a finite score .* for each of 2, got 2 scores, 1 of them not finite, and 2"):
        shown([(1, float("nan"), 1), (1, 0.4, 0)])
    with pytest.raises(ShapeError, match="for each of 2, got 1 scores, 0 of them not finite, and 2 clicks"):
        Impressions(user_idx=np.zeros(2, np.int32), score=np.zeros(1), clicked=np.zeros(2, np.bool_))
