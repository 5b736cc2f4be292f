"""Simulated logs: clicks as often as they should be, users as alike as stated."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.policies import Shown
from recsys.ranking.policy import EpsilonGreedy
from tests.evaluation.simulation.small import WORLD, valued

ALONE = replace(WORLD, attract=WORLD.attract[:1], kind=np.zeros(2_000, np.int32), share=np.full(2_000, 1 / 2_000))
FIXED = valued(EpsilonGreedy(epsilon=0))


def correlation(user, reward):
    """ICC(1) of unequal groups, by analysis of variance (Donner 1986)."""
    n = np.bincount(user).astype(float)
    total = np.bincount(user, reward)
    mean = total / n
    within = ((reward - mean[user]) ** 2).sum() / (len(user) - len(n))
    between = (n * (mean - reward.mean()) ** 2).sum() / (len(n) - 1)
    size = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    return (between - within) / (between + (size - 1) * within)


@pytest.mark.parametrize("icc", [0, 0.1, 0.3, 0.8])
def test_requests_of_one_user_correlate_as_stated(icc):
    log = simulate(replace(ALONE, icc=icc), FIXED, 40_000, 1)
    # standard error about (1 - icc)(1 + 19 icc) √(2 / (20 · 19 · 2,000)), .008 at .3, at most .01
    assert correlation(log.cluster, log.reward.sum(axis=1)) == pytest.approx(icc, abs=0.03)
    for j in range(3):
        assert correlation(log.cluster, log.reward[:, j]) == pytest.approx(icc, abs=0.03)


def test_lists_that_differ_correlate_less():
    log = simulate(replace(ALONE, icc=0.3), valued(EpsilonGreedy(epsilon=1)), 40_000, 1)
    assert 0.1 < correlation(log.cluster, log.reward.sum(axis=1)) < 0.3


@pytest.mark.parametrize("icc", [0, 0.3])
def test_clicks_come_as_often_as_they_should(icc):
    world = replace(WORLD, kind=np.arange(20_000, dtype=np.int32) % 2, share=np.full(20_000, 1 / 20_000), icc=icc)
    log = simulate(world, valued(), 60_000, 2)
    chance = world.expected(log.kind, log.item)
    missed = log.reward - chance
    # clicks of one user correlate: the spread of users' sums
    sums = np.array([np.bincount(log.cluster, column) for column in missed.T])
    assert (np.abs(missed.sum(axis=0)) < 4 * np.sqrt((sums**2).sum(axis=1))).all()
    assert set(np.unique(log.reward)) == {0, 1}


def test_the_same_seed_is_the_same_log_and_other_policies_meet_the_same_users():
    first, again, other = (
        simulate(WORLD, policy, 100, seed) for policy, seed in ((FIXED, 4), (FIXED, 4), (valued(), 4))
    )
    assert (first.user.tolist(), first.reward.tolist()) == (again.user.tolist(), again.reward.tolist())
    assert first.user.tolist() == other.user.tolist()
    same = (first.item == other.item).all(axis=1)
    assert 0 < same.sum() < 100
    assert first.reward[same].tolist() == other.reward[same].tolist()
    assert simulate(WORLD, FIXED, 100, 5).reward.tolist() != first.reward.tolist()


def test_any_function_of_users_may_be_played():
    def play(user, kind, rng):
        item = np.stack([user % 5, (user + 1) % 5], axis=1).astype(np.int32)
        item[user % 2 == 0, 1] = -1
        item[user == 3] = -1
        return Shown(item=item, propensity=np.where(item < 0, np.nan, 1.0))

    log = simulate(WORLD, play, 1_000, 0)
    length = np.where(log.user == 3, 0, np.where(log.user % 2 == 0, 1, 2))
    assert np.diff(log.indptr).tolist() == length.tolist()
    assert log.flat(log.propensity).tolist() == [1] * length.sum()
    assert not log.reward[log.item < 0].any()
    assert log.reward.sum() > 0


def test_users_are_coded_without_gaps():
    log = simulate(WORLD, FIXED, 30, 0)
    assert len(set(log.user)) < 60
    assert sorted(set(log.cluster)) == list(range(len(set(log.user))))
    assert [np.unique(log.user)[code] for code in log.cluster] == log.user.tolist()


@pytest.mark.parametrize("size", [(7, 3), (8, 4)])
def test_lists_that_do_not_fit_are_refused(size):
    def play(user, kind, rng):
        return Shown(item=np.zeros(size, np.int32), propensity=np.ones(size))

    with pytest.raises(ShapeError, match=r"expected 8 lists of at most 3 positions .* got items \(\d, \d\)"):
        simulate(WORLD, play, 8, 0)
