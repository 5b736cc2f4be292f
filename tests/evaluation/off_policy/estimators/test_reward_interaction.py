"""Reward-interaction inverse propensity scoring."""

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.evaluation.off_policy.estimators.ips import ips
from recsys.evaluation.off_policy.estimators.reward_interaction import reward_interaction
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, slates, slates_of, weight_of


def test_a_log_by_hand():
    got = reward_interaction(slates_of([[(1, 0.5, 0.25), (2, 0.25, 0.75), (4, 0.5, 0.0)], [], [(3, 1, 1)]]))
    assert got.value.tolist() == [0.5 * 1 + 0.5 * 3 * 2 + 0, 0, 3]
    assert got.weight.tolist() == [1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    expected = [
        sum(row.reward * weight_of(rows[: j + 1]) for j, row in enumerate(rows)) for rows, _, _ in as_lists(world)
    ]
    np.testing.assert_allclose(reward_interaction(world).value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_over_all_lists_it_is_the_truth_where_a_user_reads_from_the_top(seed):
    world = World(seed)
    for reward in (world.cascade, world.apart):
        got = world.expectation(reward_interaction(world.slates(reward)))
        assert got == pytest.approx(world.truth(reward), abs=1e-12)


def test_it_is_not_where_the_items_below_matter():
    world = World(0)
    got = world.expectation(reward_interaction(world.slates(world.anything)))
    assert abs(got - world.truth(world.anything)) > 0.01


def test_for_one_position_it_is_ips():
    log = slates_of([[(1, 0.5, 0.25)], [(3, 0.25, 0.5)]])
    assert reward_interaction(log).value.tolist() == ips(log).value.tolist()
