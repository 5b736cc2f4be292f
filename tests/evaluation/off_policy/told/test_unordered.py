"""Whose marginals are worked out, and whose are not."""

from dataclasses import replace

import numpy as np

from recsys.evaluation.off_policy.told import unordered
from recsys.evaluation.off_policy.told.drawn import Drawn
from recsys.evaluation.off_policy.told.unordered import Unordered
from recsys.evaluation.off_policy.told.ways import Ways
from tests.evaluation.off_policy.asked_again import logged_of, world

LOGGED = logged_of(world(0, n=30))
DRAWN = Drawn.of(LOGGED, Ways.of(LOGGED))
ALL = np.arange(30)


def done(drawn=DRAWN, told=ALL, seed=0) -> Unordered:
    found = Unordered.of(drawn, told, seed=seed)
    found.done(drawn.ranked(ALL), ALL)
    return found


def test_a_ranker_that_is_the_log_weighs_nothing():
    found = done()
    assert found.wanted.all()
    np.testing.assert_allclose(found.marginal.target, found.marginal.logged, rtol=1e-12)
    np.testing.assert_allclose(found.pseudo, 1, rtol=1e-7)


def test_so_many_are_chosen_by_nothing_but_chance(monkeypatch):
    monkeypatch.setattr(unordered, "MARGINALS", 12)
    monkeypatch.setattr(unordered, "WEIGHTS", 5)
    found = [done(seed=seed) for seed in (0, 0, 1)]
    known = [~np.isnan(each.marginal.logged.reshape(30, 3)).any(axis=1) for each in found]
    assert [each.sum() for each in known] == [12] * 3
    assert [(~np.isnan(each.pseudo)).sum() for each in found] == [5] * 3
    assert known[0].tolist() == known[1].tolist() != known[2].tolist()
    backwards = done(told=ALL[::-1])
    assert backwards.wanted.tolist() == found[0].wanted.tolist()
    assert (backwards.weighed & ~backwards.wanted).sum() == 0


def test_work_and_places_have_a_limit(monkeypatch):
    monkeypatch.setattr(unordered, "WORK", 3 * (6 + 4 * 3) * 3)
    assert 3 <= done().wanted.sum() < 5
    monkeypatch.setattr(unordered, "PLACES", 2)
    nothing = done()
    assert (nothing.marginal, nothing.pseudo) == (None, None)


def test_lists_that_rules_have_moved_are_unknown():
    """A propensity that scores do not give back."""
    propensity = LOGGED.propensity.copy()
    propensity[4] *= 1 + 1e-3
    found = done(replace(DRAWN, logged=replace(LOGGED, propensity=propensity)))
    assert np.flatnonzero(np.isnan(found.marginal.logged)).tolist() == [3, 4, 5]
    assert np.flatnonzero(np.isnan(found.marginal.target)).tolist() == [3, 4, 5]
    assert np.flatnonzero(np.isnan(found.pseudo)).tolist() == [1]


def test_candidates_without_a_score_are_unknown():
    score = LOGGED.candidates.score.copy()
    score[0] = np.nan
    candidates = replace(LOGGED.candidates, score=score)
    found = Unordered.of(replace(DRAWN, logged=replace(LOGGED, candidates=candidates)), ALL, seed=0)
    assert np.flatnonzero(~found.wanted).tolist() == [0]
