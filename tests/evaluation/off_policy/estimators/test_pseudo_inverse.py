"""The pseudo-inverse estimator."""

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.pseudo_inverse import pseudo_inverse
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, slates, slates_of


def test_a_log_by_hand():
    got = pseudo_inverse(slates_of([[(1, 0.5, 0.1), (2, 0.5, 0.1)], []], pseudo=np.array([-0.5, 3.0])))
    assert got.value.tolist() == [-0.5 * 3, 0]
    assert got.weight.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    expected = [pseudo * sum(row.reward for row in rows) for rows, _, pseudo in as_lists(world)]
    np.testing.assert_allclose(pseudo_inverse(world).value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_over_all_lists_it_is_the_truth_where_positions_add_up(seed):
    world = World(seed)
    got = world.expectation(pseudo_inverse(world.slates(world.apart)))
    assert got == pytest.approx(world.truth(world.apart), abs=1e-12)


def test_it_is_not_where_they_do_not():
    world = World(0)
    got = world.expectation(pseudo_inverse(world.slates(world.anything)))
    assert abs(got - world.truth(world.anything)) > 0.01


def test_no_weights_are_a_sentence():
    with pytest.raises(
        ShapeError, match=r"^Pseudo-inverse: expected.*each list \(Slates.pseudo\), got None; work them out"
    ):
        pseudo_inverse(slates_of([[(1, 0.5, 0.5)]]))
