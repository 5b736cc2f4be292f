"""SWITCH."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ShapeError, UsageError
from recsys.evaluation.off_policy.estimators.direct import direct
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.switch import switch
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, fitted, slates, slates_of, weight_of


def test_a_log_by_hand():
    """Weights 2, 4 and 8: the model alone above 4."""
    log = slates_of([[(1, 0.5, 1)], [(1, 0.25, 1)], [(1, 0.125, 1)]], model=fitted([0.5] * 3, [0.25] * 3))
    got = switch(log, most=4)
    assert got.value.tolist() == [0.25 + 2 * 0.5, 0.25 + 4 * 0.5, 0.25]
    assert got.weight.tolist() == [1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(slates(), st.floats(0.1, 50))
def test_a_second_implementation_agrees(world, most):
    expected = []
    for rows, value, _ in as_lists(world):
        weight = weight_of(rows)
        if abs(weight - most) < 1e-9:
            return
        missed = sum(row.reward for row in rows) - sum(row.predicted for row in rows)
        expected.append(value + weight * missed if weight <= most else value)
    np.testing.assert_allclose(switch(world, most=most).value, expected, rtol=1e-12, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(slates())
def test_it_lies_between_doubly_robust_and_the_model(world):
    assert switch(world, most=np.inf).value.tolist() == doubly_robust(world).value.tolist()
    seen = np.flatnonzero(world.weights() > 1e-9)
    assert switch(world, most=1e-9).value[seen].tolist() == direct(world).value[seen].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_a_right_model_makes_it_the_truth_wherever_it_switches(seed):
    world = World(seed)
    for most in (0.5, 1.0, 2.0):
        got = world.expectation(switch(world.slates(world.cascade, world.cascade), most=most))
        assert got == pytest.approx(world.truth(world.cascade), abs=1e-12)


def test_a_largest_weight_that_is_none_and_no_model_are_refused():
    log = slates_of([[(1, 0.5, 0.5)]])
    with pytest.raises(UsageError, match=r"SWITCH: expected a largest weight above 0, got 0; 10 to 100"):
        switch(log, most=0)
    with pytest.raises(ShapeError, match=r"^SWITCH: expected what a reward model says"):
        switch(log, most=10)
