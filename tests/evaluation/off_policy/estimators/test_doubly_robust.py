"""The doubly robust estimator on whole lists."""

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from tests.evaluation.off_policy.enumerated import LISTS, World
from tests.evaluation.off_policy.small_slates import as_lists, fitted, slates, slates_of, weight_of


def test_a_log_by_hand():
    log = slates_of([[(1, 0.5, 0.25), (2, 0.4, 0.8)], []], model=fitted([0.5, 0.25], [1.5, 0.125]))
    got = doubly_robust(log)
    assert got.value.tolist() == [1.5 + (0.25 / 0.5) * (0.8 / 0.4) * (3 - 0.75), 0.125]
    assert got.weight.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    expected = [
        value + weight_of(rows) * (sum(row.reward for row in rows) - sum(row.predicted for row in rows))
        for rows, value, _ in as_lists(world)
    ]
    np.testing.assert_allclose(doubly_robust(world).value, expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_model_leaves_it_the_truth(seed):
    world = World(seed)
    for reward in (world.anything, world.cascade, world.apart):
        got = world.expectation(doubly_robust(world.slates(reward, world.wrong)))
        assert got == pytest.approx(world.truth(reward), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_wrong_propensities_leave_it_the_truth_if_the_model_is_right(seed):
    world = World(seed)
    log = world.slates(world.cascade, world.cascade, logged=np.array([3.0, 1.0, 0.2]))
    assert world.expectation(doubly_robust(log)) == pytest.approx(world.truth(world.cascade), abs=1e-12)


def test_both_wrong_give_another_value():
    world = World(0)
    log = world.slates(world.cascade, world.wrong, logged=np.array([3.0, 1.0, 0.2]))
    assert abs(world.expectation(doubly_robust(log)) - world.truth(world.cascade)) > 0.1


def test_a_right_model_leaves_no_variance():
    world = World(1)
    got = doubly_robust(world.slates(world.cascade, world.cascade))
    np.testing.assert_allclose(got.value, np.full(len(LISTS), world.truth(world.cascade)), rtol=1e-12)


def test_no_model_is_a_sentence():
    with pytest.raises(
        ShapeError, match=r"^Doubly robust: expected what a reward model says.*leave this estimator out"
    ):
        doubly_robust(slates_of([[(1, 0.5, 0.5)]]))
