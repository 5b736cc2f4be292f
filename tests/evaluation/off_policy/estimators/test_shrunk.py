"""Doubly robust with shrunk weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ShapeError, UsageError
from recsys.evaluation.off_policy.estimators.direct import direct
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.shrunk import shrunk
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, fitted, slates, slates_of, weight_of


def test_a_log_by_hand():
    log = slates_of([[(3, 0.5, 1)], []], model=fitted([1], [0.5, 0.25]))
    got = shrunk(log, strength=12)
    assert got.value.tolist() == pytest.approx([0.5 + (12 * 2 / (2**2 + 12)) * (3 - 1), 0.25], rel=1e-15)
    assert got.weight.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(slates(), st.floats(0.1, 1e4))
def test_a_second_implementation_agrees(world, strength):
    expected = []
    for rows, value, _ in as_lists(world):
        weight = weight_of(rows)
        missed = sum(row.reward for row in rows) - sum(row.predicted for row in rows)
        expected.append(value + strength * weight / (weight**2 + strength) * missed)
    np.testing.assert_allclose(shrunk(world, strength=strength).value, expected, rtol=1e-12, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(slates())
def test_it_goes_from_the_model_to_doubly_robust(world):
    assert shrunk(world, strength=np.inf).value.tolist() == doubly_robust(world).value.tolist()
    np.testing.assert_allclose(shrunk(world, strength=1e-300).value, direct(world).value, atol=1e-100)


@pytest.mark.parametrize("seed", range(5))
def test_a_right_model_makes_it_the_truth_however_much_is_shrunk(seed):
    world = World(seed)
    for strength in (0.1, 1.0, 10.0):
        got = world.expectation(shrunk(world.slates(world.cascade, world.cascade), strength=strength))
        assert got == pytest.approx(world.truth(world.cascade), abs=1e-12)


def test_a_strength_that_is_none_and_no_model_are_refused():
    log = slates_of([[(1, 0.5, 0.5)]])
    with pytest.raises(UsageError, match=r"DRos: expected a strength λ above 0, got 0; the squares of usual weights"):
        shrunk(log, strength=0)
    with pytest.raises(ShapeError, match=r"^DRos: expected what a reward model says"):
        shrunk(log, strength=1)
