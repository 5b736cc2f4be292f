"""Independent inverse propensity scoring."""

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.independent import independent
from recsys.evaluation.off_policy.estimators.slates import Marginals
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, slates, slates_of


def test_a_log_by_hand():
    marginal = Marginals(logged=np.array([0.5, 0.25]), target=np.array([0.25, 0.5]))
    got = independent(slates_of([[(1, 0.9, 0.1), (2, 0.9, 0.1)], []], marginal=marginal))
    assert got.value.tolist() == [0.5 * 1 + 2 * 2, 0]
    assert got.weight.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    expected = [
        sum(row.reward * row.marginal_target / row.marginal_logged for row in rows) for rows, _, _ in as_lists(world)
    ]
    np.testing.assert_allclose(independent(world).value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_over_all_lists_it_is_the_truth_where_rewards_depend_on_item_and_position(seed):
    world = World(seed)
    got = world.expectation(independent(world.slates(world.apart)))
    assert got == pytest.approx(world.truth(world.apart), abs=1e-12)


def test_it_is_not_where_the_items_above_matter():
    world = World(0)
    got = world.expectation(independent(world.slates(world.cascade)))
    assert abs(got - world.truth(world.cascade)) > 0.01


def test_no_marginals_are_a_sentence():
    with pytest.raises(
        ShapeError, match=r"^Independent IPS: expected the marginal.*\(Slates.marginal\), got None; work"
    ):
        independent(slates_of([[(1, 0.5, 0.5)]]))
