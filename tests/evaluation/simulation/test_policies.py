"""Policies for many requests at once, against the policies of the service one list at a time."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.simulation import policies
from recsys.ranking.policy import EpsilonGreedy
from tests.evaluation.simulation.small import GREEDY, SOFT, Sceptic, lists, valued

ALL = [SOFT, GREEDY, EpsilonGreedy(epsilon=0), EpsilonGreedy(epsilon=1), Sceptic()]


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.parametrize("above", [[], [2], [4, 0], [1, 3, 0, 2]])
def test_chances_are_those_of_the_service_among_the_items_left(policy, above):
    target = valued(policy)
    got = target.chances(np.array([0, 1], np.int32), np.array([above, above], np.int32).reshape(2, -1))
    left = [item for item in range(5) if item not in above]
    for kind in (0, 1):
        assert got[kind, left] == pytest.approx(policy.chances(target.value[kind, left]), rel=1e-12)
        assert not got[kind, above].any()


@pytest.mark.parametrize("policy", ALL)
def test_lists_come_as_often_as_their_probabilities_say(policy):
    n, target = 30_000, valued(policy)
    kind = np.full(n, 1, np.int32)
    shown = target(kind, kind, np.random.default_rng(5))
    expected = dict(lists(target, 1))
    count = Counter(map(tuple, shown.item.tolist()))
    assert not [items for items in count if expected[items] == 0]
    # at most 59 degrees of freedom: above 120 less than once in 200,000 times
    assert sum((count[items] - n * p) ** 2 / (n * p) for items, p in expected.items() if p > 0) < 120


@pytest.mark.parametrize("policy", ALL)
def test_the_propensity_told_is_the_chance_given_those_above(policy):
    target = valued(policy)
    kind = np.array([0, 1] * 200, np.int32)
    shown = target(kind, kind, np.random.default_rng(0))
    assert shown.propensity == pytest.approx(target.given(kind, shown.item), rel=1e-12)
    for k, items, told in zip(kind.tolist(), shown.item.tolist(), shown.propensity, strict=True):
        assert told.prod() == pytest.approx(dict(lists(target, k))[tuple(items)], rel=1e-9)


def test_other_lists_may_be_shorter_longer_or_what_is_never_shown():
    target = valued(EpsilonGreedy(epsilon=0), positions=2)
    best = np.argsort(-target.value[0])
    item = np.array([[best[0], best[1], best[2]], [best[0], -1, -1], [best[1], best[0], -1]], np.int32)
    assert target.given(np.zeros(3, np.int32), item).tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 0]]
    assert (replace(target, policy=SOFT).given(np.zeros(3, np.int32), item) > 0).sum(axis=1).tolist() == [2, 1, 2]


def test_small_blocks_draw_the_same_lists(monkeypatch):
    kind = np.array([0, 1, 1, 0, 1], np.int32)
    whole = valued()(kind, kind, np.random.default_rng(0))
    monkeypatch.setattr(policies, "_BLOCK", 11)
    parts = valued()(kind, kind, np.random.default_rng(0))
    assert whole.item.tolist() == parts.item.tolist()
    assert whole.propensity.tolist() == parts.propensity.tolist()


def test_longer_lists_than_items_are_refused():
    with pytest.raises(ShapeError, match="lists of 1 to 5 positions, as there are items, got 6; ask for shorter"):
        replace(valued(), positions=6)
