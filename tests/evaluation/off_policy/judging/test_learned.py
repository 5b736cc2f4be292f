"""Worths of a log's candidates are of request and item alone, right on average, and never of the user they judge."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.off_policy.judging import learned as module
from recsys.evaluation.off_policy.judging.learned import learned
from recsys.evaluation.off_policy.judging.reward_model import folds
from recsys.evaluation.off_policy.log.logged import Logged
from tests.evaluation.off_policy.played_log import BASE, a_log

PLAYED, LOGGED = a_log(6_000)
WORTHS = learned(LOGGED)


def entry_of(logged: Logged, request: int, item: int) -> int:
    """Where an item stands among all candidates."""
    c = logged.candidates
    at = c.request.tolist().index(request)
    own = c.item[c.indptr[at] : c.indptr[at + 1]].tolist()
    return int(c.indptr[at]) + own.index(item)


def test_what_was_shown_is_predicted_as_the_candidate_it_was():
    WORTHS.check(LOGGED)
    position = LOGGED.position
    row = 0
    for request in range(0, 6_000, 500):
        for row in range(int(LOGGED.indptr[request]), int(LOGGED.indptr[request + 1])):
            worth = WORTHS.each[entry_of(LOGGED, request, int(LOGGED.item.codes[row]))]
            assert WORTHS.predicted[row] == pytest.approx(worth * WORTHS.looked[request, position[row] - 1], rel=1e-12)
    assert row > 16_000


def test_it_is_right_on_average_and_tells_items_apart():
    assert WORTHS.predicted.mean() == pytest.approx(LOGGED.reward.mean(), rel=0.02)
    chance = PLAYED.flat(BASE.expected(PLAYED.kind, PLAYED.item))
    assert np.corrcoef(WORTHS.predicted, chance)[0, 1] > 0.8


def test_places_are_looked_at_as_they_are():
    means = np.array([LOGGED.reward[LOGGED.position == j].mean() for j in (1, 2, 3)]) / LOGGED.reward.mean()
    np.testing.assert_allclose(WORTHS.looked.mean(axis=0), means, rtol=0.03)


def test_what_a_user_did_changes_nothing_that_is_said_of_them():
    user = LOGGED.user_idx
    own = folds(user) == folds(user[:1])[0]
    rows = np.repeat(own, np.diff(LOGGED.indptr))
    after = learned(replace(LOGGED, reward=np.where(rows, 1 - LOGGED.reward, LOGGED.reward)))
    entries = np.repeat(own[LOGGED.candidates.request], LOGGED.candidates.sizes)
    assert after.each[entries].tobytes() == WORTHS.each[entries].tobytes()
    assert after.predicted[rows].tobytes() == WORTHS.predicted[rows].tobytes()
    assert (after.each[~entries] != WORTHS.each[~entries]).any()


def test_a_request_without_candidates_has_one_worth_for_all_items():
    kept = LOGGED.candidates.take(np.arange(0, 6_000, 2))
    half = replace(LOGGED, candidates=replace(kept, request=np.arange(0, 6_000, 2)))
    got = learned(half)
    even, odd = (np.repeat(np.arange(6_000) % 2 == n, 3) for n in (0, 1))
    others = np.repeat(got.others, 3) * got.looked[:, :3].ravel()
    assert got.predicted[odd].tolist() == pytest.approx(others[odd].tolist(), rel=1e-12)
    assert np.abs(got.predicted[even] - others[even]).mean() > 0.02


def test_a_log_without_any_candidates():
    got = learned(replace(LOGGED, candidates=LOGGED.candidates.take(np.zeros(0, np.int64))))
    assert len(got.each) == 0
    assert got.predicted.mean() == pytest.approx(LOGGED.reward.mean(), rel=0.02)


def test_many_candidates_are_judged_in_pieces(monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 999)
    assert learned(LOGGED).each.tobytes() == WORTHS.each.tobytes()


def test_scores_that_are_all_alike_say_nothing():
    alike = replace(LOGGED.candidates, score=np.full(30_000, 2.0))
    values = module._values(alike)
    assert values[:5].tolist() == [[2, 0, 1], [2, 0, 2], [2, 0, 3], [2, 0, 4], [2, 0, 5]]
    rising = replace(alike, score=np.tile([4.0, 3.0, 2.0, 1.0, 0.0], 6_000))
    assert module._values(rising)[5:10, 1].tolist() == [1, 0.75, 0.5, 0.25, 0]
