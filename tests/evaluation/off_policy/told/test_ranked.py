"""Candidates side by side are each request's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation.off_policy.told.ranked import DEPTH, Ranked
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy
from recsys.ranking.relevance import relevance

POLICIES: list[Policy] = [PlackettLuce(temperature=0.3), EpsilonGreedy(epsilon=0.4), EpsilonGreedy(epsilon=0)]


class Even:
    """A policy that there is no shortcut for."""

    def chances(self, value):
        return np.full(len(value), 1 / len(value))

    def order(self, value, n, rng):
        raise NotImplementedError


def of(scores: list[list[float]], policy: Policy = POLICIES[0], which=None) -> Ranked:
    indptr = np.cumsum([0, *map(len, scores)]).astype(np.int64)
    flat = np.array([score for each in scores for score in each], np.float64)
    which = np.arange(len(scores)) if which is None else which
    return Ranked.of(policy, indptr, which, np.arange(len(flat), dtype=np.int32), flat)


def test_they_stand_by_their_score_with_nothing_behind():
    found = of([[1.0, 3.0, 2.0], [], [5.0]], which=np.array([0, 2, 1]))
    assert found.item.tolist() == [[1, 2, 0], [3, -1, -1], [-1, -1, -1]]
    assert found.value.tolist() == [[1, 0.5, 0], [0, -np.inf, -np.inf], [-np.inf] * 3]
    assert found.sizes.tolist() == [3, 1, 0]
    assert found.take(np.array([1])).first(1).item.tolist() == [[3]]


def test_of_equal_scores_the_first_told_is_the_first():
    assert of([[1.0, 2.0, 2.0, 1.0]]).item.tolist() == [[1, 2, 0, 3]]
    assert of([[1.0, 0.0, 2.0] * 20]).item[0].tolist() == [*range(2, 60, 3), *range(0, 60, 3), *range(1, 60, 3)]


def test_places_of_items():
    found = of([[1.0, 3.0], [5.0]])
    assert found.place(np.array([[0, 9, 1], [2, -1, -2]], np.int32)).tolist() == [[1, -1, 0], [0, -1, -1]]


@given(st.integers(0, 10**6), st.sampled_from([1, 5, DEPTH, DEPTH + 30]))
def test_values_are_what_the_service_makes_of_scores(seed, size):
    rng = np.random.default_rng(seed)
    scores = [rng.normal(size=size).astype(np.float32).astype(float).tolist(), [4.0, 4.0]]
    found = of(scores)
    falling = -np.sort(-np.array(scores[0], np.float32))
    assert found.value[0, :size].tolist() == relevance(falling, falling, DEPTH).tolist()
    assert found.value[1, :2].tolist() == [0, 0]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([*POLICIES, Even(), PlackettLuce(temperature=1e-3)]))
def test_chances_are_those_of_the_policy_among_what_is_left(seed, policy):
    rng = np.random.default_rng(seed)
    found = of([rng.normal(size=n).tolist() for n in (5, 3, 1, 0)], policy)
    left = found.there & (rng.random(found.there.shape) < 0.6)
    chances = found.chances(left)
    for row in range(4):
        own = np.flatnonzero(left[row])
        expected = np.zeros(5)
        if len(own):
            expected[own] = policy.chances(found.value[row, own])
        np.testing.assert_allclose(chances[row], expected, rtol=1e-12, atol=1e-300)


def test_nobody_is_asked():
    assert of([]).chances(np.zeros((0, 0), np.bool_)).shape == (0, 0)
    assert of([[], []]).item.shape == (2, 0)
    with pytest.raises(IndexError):
        of([[1.0]], which=np.array([3]))
