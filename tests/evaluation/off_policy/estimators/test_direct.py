"""The direct method."""

import pytest
from hypothesis import given, settings

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.direct import direct
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, fitted, slates, slates_of


def test_a_log_by_hand():
    got = direct(slates_of([[(9, 0.5, 0.1)], []], model=fitted([3], [1.5, 0.5])))
    assert got.value.tolist() == [1.5, 0.5]
    assert got.weight.tolist() == [1, 1]
    assert got.estimate == 1


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    values = [value for _, value, _ in as_lists(world)]
    assert direct(world).estimate == pytest.approx(sum(values) / len(values), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_as_right_as_the_model(seed):
    world = World(seed)
    truth = world.truth(world.cascade)
    assert world.expectation(direct(world.slates(world.cascade, world.cascade))) == pytest.approx(truth, abs=1e-12)
    assert abs(world.expectation(direct(world.slates(world.cascade, world.wrong))) - truth) > 0.1


def test_no_model_is_a_sentence():
    with pytest.raises(
        ShapeError, match=r"^Direct method: expected what a reward model says \(Slates.model\), got None"
    ):
        direct(slates_of([[(1, 0.5, 0.5)]]))
