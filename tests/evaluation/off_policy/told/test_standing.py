"""How likely an item is at a place, whatever stands above it: by counting every list."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.off_policy.told.standing import standing
from recsys.evaluation.simulation.marginals import marginals
from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.policies import Valued
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy

POLICIES: list[Policy] = [*(PlackettLuce(temperature=t) for t in (1e3, 1, 0.1, 0.02))]
POLICIES += [EpsilonGreedy(epsilon=e) for e in (0, 0.1, 0.5, 1)]


def of(policy: Policy, *scores: np.ndarray) -> Ranked:
    indptr = np.cumsum([0, *map(len, scores)]).astype(np.int64)
    items = np.arange(indptr[-1], dtype=np.int32)
    return Ranked.of(policy, indptr, np.arange(len(scores)), items, np.concatenate(scores))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(POLICIES), st.sampled_from([(5, 1), (6, 3), (4, 4), (7, 5)]))
def test_all_lists_counted_agree(seed, policy, size):
    (n, places), rng = size, np.random.default_rng(seed)
    ranked = of(policy, rng.normal(size=n), rng.normal(size=n))
    exact = marginals(Orders.of(n, places), Valued(policy=policy, value=ranked.value, positions=places))
    at = np.stack([rng.permutation(n)[:places], rng.permutation(n)[:places]])
    expected = exact[np.arange(2)[:, None], np.arange(places), at]
    np.testing.assert_allclose(standing(ranked, at), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("n", [12, 40])
def test_each_place_is_somebodys(policy, n):
    """As many lists as items, each item once at each place."""
    scores = np.random.default_rng(1).normal(size=n)
    at = (np.arange(n)[:, None] + np.arange(n)) % n
    found = standing(of(policy, *[scores] * n), at)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-7)


def test_what_is_no_candidate_stands_nowhere():
    ranked = of(POLICIES[1], np.array([3.0, 2.0, 1.0]), np.zeros(0), np.array([1.0]))
    at = np.array([[0, -1, 2], [-1, -1, -1], [0, -1, -1]])
    found = standing(ranked, at)
    assert found[:, 1].tolist() == [0, 0, 0]
    assert found[1].tolist() == [0, 0, 0]
    assert found[2, 0] == pytest.approx(1, abs=1e-8)
    alone = standing(of(POLICIES[1], np.array([3.0, 2.0, 1.0])), at[:1])
    np.testing.assert_allclose(found[:1], alone, rtol=1e-7)


def test_rare_places_by_hand():
    """Three items of strengths 1, e^-50 and e^-100: the second is first in e^-50 of all lists, the last in e^-100."""
    ranked = of(PlackettLuce(temperature=0.01), np.array([1.0, 0.5, 0.0]))
    assert standing(ranked, np.array([[1, 0]])) == pytest.approx(np.array([[np.exp(-50), np.exp(-50)]]), rel=1e-6)
    assert standing(ranked, np.array([[2]])) == pytest.approx(np.exp(-100), rel=1e-6)


def test_what_no_number_of_steps_reaches_is_not_known():
    """A third item 5,000 units below; of lists of two it is no matter."""
    ranked = of(PlackettLuce(temperature=1e-3), *[np.array([1.0, 0.0, -5.0])] * 2)
    ranked.value[0] = [1, 0, -5]
    assert np.isnan(standing(ranked, np.array([[0, 1, 2]] * 2))[0]).all()
    assert standing(ranked, np.array([[0, 1]] * 2))[0] == pytest.approx([1, 1], abs=1e-7)


def test_a_policy_without_a_formula_is_not_known():
    class Own:
        def chances(self, value):
            raise NotImplementedError

        def order(self, value, n, rng):
            raise NotImplementedError

    assert np.isnan(standing(of(Own(), np.array([1.0, 0.0])), np.array([[0]]))).all()
