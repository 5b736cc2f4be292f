"""Inverse propensity scoring."""

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.evaluation.off_policy.estimators.ips import ips
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, slates, slates_of, weight_of


def test_a_log_by_hand():
    got = ips(slates_of([[(1, 0.5, 0.25), (2, 0.4, 0.8)], [], [(3, 0.5, 0.0)]]))
    assert got.value.tolist() == [(0.25 / 0.5) * (0.8 / 0.4) * (1 + 2), 0, 0]
    assert got.weight.tolist() == [1, 1, 1]
    assert got.estimate == 3 / 3


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    expected = [weight_of(rows) * sum(row.reward for row in rows) for rows, _, _ in as_lists(world)]
    np.testing.assert_allclose(ips(world).value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_over_all_lists_it_is_the_truth_whatever_a_reward_depends_on(seed):
    world = World(seed)
    for reward in (world.anything, world.cascade, world.apart):
        assert world.expectation(ips(world.slates(reward))) == pytest.approx(world.truth(reward), abs=1e-12)


def test_wrong_propensities_give_another_value():
    world = World(0)
    got = world.expectation(ips(world.slates(world.anything, logged=np.ones(3))))
    assert abs(got - world.truth(world.anything)) > 0.1
