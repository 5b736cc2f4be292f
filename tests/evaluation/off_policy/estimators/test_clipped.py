"""Inverse propensity scoring with a largest weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import UsageError
from recsys.evaluation.off_policy.estimators.clipped import clipped
from recsys.evaluation.off_policy.estimators.ips import ips
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, slates, slates_of, weight_of


def test_a_log_by_hand():
    got = clipped(slates_of([[(1, 0.1, 0.9)], [(2, 0.5, 0.75)]]), most=5)
    assert got.value.tolist() == [5 * 1, 1.5 * 2]
    assert got.weight.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(slates(), st.floats(0.1, 50))
def test_a_second_implementation_agrees(world, most):
    expected = [min(weight_of(rows), most) * sum(row.reward for row in rows) for rows, _, _ in as_lists(world)]
    np.testing.assert_allclose(clipped(world, most=most).value, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(slates())
def test_without_a_largest_weight_it_is_ips(world):
    assert clipped(world, most=np.inf).value.tolist() == ips(world).value.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_it_never_says_too_much_and_nears_the_truth_as_the_largest_weight_grows(seed):
    world = World(seed)
    log = world.slates(world.anything)
    got = [world.expectation(clipped(log, most=most)) for most in (0.5, 1, 2, 1e6)]
    truth = world.truth(world.anything)
    assert got == sorted(got)
    assert got[0] < truth - 1e-3
    assert got[-1] == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("most", [0.0, -1.0, np.nan])
def test_a_largest_weight_that_is_none_is_refused(most):
    with pytest.raises(UsageError, match=rf"Clipped IPS: expected a largest weight above 0, got {most}; 10 to 100"):
        clipped(slates_of([]), most=most)
