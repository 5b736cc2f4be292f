"""Marginals by a second count, and weights that make a sum over positions come out."""

import numpy as np
import pytest

from recsys.evaluation.simulation.marginals import marginals, pseudo_inverse
from recsys.evaluation.simulation.orders import Orders
from recsys.ranking.policy import EpsilonGreedy
from tests.evaluation.simulation.small import GREEDY, SOFT, lists, valued

ORDERS = Orders.of(5, 3)
PAIRS = [
    (valued(SOFT), valued(SOFT, seed=1)),
    (valued(GREEDY), valued(SOFT, seed=2)),
    (valued(SOFT), valued(EpsilonGreedy(epsilon=0), seed=1)),
]


@pytest.mark.parametrize("policy", [SOFT, GREEDY])
def test_marginals_add_up_the_lists(policy):
    target = valued(policy)
    got = marginals(ORDERS, target)
    for kind in (0, 1):
        expected = np.zeros((3, 5))
        for items, chance in lists(target, kind):
            for j, item in enumerate(items):
                expected[j, item] += chance
        assert got[kind] == pytest.approx(expected, rel=1e-12)


def test_the_first_position_has_the_chance_of_the_draw():
    target = valued()
    assert marginals(ORDERS, target)[1, 0] == pytest.approx(SOFT.chances(target.value[1]), rel=1e-12)


@pytest.mark.parametrize(("logging", "target"), PAIRS)
def test_a_sum_over_positions_comes_out_exactly(logging, target):
    """What the estimator is unbiased for: weight · sum has the mean of the sum under the target."""
    weight = pseudo_inverse(ORDERS, logging, target)
    adds = np.random.default_rng(7).random((3, 5))
    for kind in (0, 1):
        logged = dict(lists(logging, kind))
        sums = {items: sum(adds[j, item] for j, item in enumerate(items)) for items in logged}
        got = sum(p * weight[kind, row] * sums[items] for row, (items, p) in enumerate(logged.items()))
        assert got == pytest.approx(sum(p * sums[items] for items, p in lists(target, kind)), rel=1e-9)


@pytest.mark.parametrize(("logging", "target"), PAIRS)
def test_weights_are_those_of_least_squares(logging, target):
    """A second way: the shortest x with Γ x = θ, by lstsq over matrices filled list by list."""
    weight = pseudo_inverse(ORDERS, logging, target)
    for kind in (0, 1):
        gamma, theta, ones = np.zeros((15, 15)), np.zeros(15), []
        chances = zip(lists(logging, kind), lists(target, kind), strict=True)
        for (items, logged), (_, aimed) in chances:
            one = np.zeros(15)
            one[[5 * j + item for j, item in enumerate(items)]] = 1
            gamma, theta = gamma + logged * np.outer(one, one), theta + aimed * one
            ones.append(one)
        shortest = np.linalg.lstsq(gamma, theta, rcond=1e-8)[0]
        assert weight[kind] == pytest.approx(np.array(ones) @ shortest, rel=1e-6, abs=1e-8)


def test_one_position_has_the_textbook_weight():
    logging, target = valued(positions=1), valued(GREEDY, seed=1, positions=1)
    ratio = [GREEDY.chances(t) / SOFT.chances(v) for t, v in zip(target.value, logging.value, strict=True)]
    assert pseudo_inverse(Orders.of(5, 1), logging, target) == pytest.approx(np.array(ratio), rel=1e-9)
