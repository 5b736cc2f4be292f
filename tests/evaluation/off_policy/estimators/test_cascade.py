"""The doubly robust estimator under the cascade assumption."""

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.cascade import cascade
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from tests.evaluation.off_policy.enumerated import LISTS, World
from tests.evaluation.off_policy.small_slates import as_lists, fitted, slates, slates_of, weight_of


def test_a_log_by_hand():
    log = slates_of([[(1, 0.5, 0.25), (2, 0.25, 0.75)], []], model=fitted([0.5, 1.5], [2, 0.25]))
    got = cascade(log)
    assert got.value.tolist() == [2 + 0.5 * (1 - 0.5) + 0.5 * 3 * (2 - 1.5), 0.25]
    assert got.weight.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    expected = [
        value + sum(weight_of(rows[: j + 1]) * (row.reward - row.predicted) for j, row in enumerate(rows))
        for rows, value, _ in as_lists(world)
    ]
    np.testing.assert_allclose(cascade(world).value, expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_sum_its_authors_write(seed):
    """With Q the reward to come: at the first position also what the judged policy shows below is predicted to earn."""
    world = World(seed)
    log = world.slates(world.cascade, world.wrong)
    logged, target = log.logged.reshape(-1, 2), log.target.reshape(-1, 2)
    reward, predicted = log.reward.reshape(-1, 2), log.model.predicted.reshape(-1, 2)
    first, both = target[:, 0] / logged[:, 0], (target / logged).prod(axis=1)
    v_2 = world.below(world.wrong, 1)
    q_1, q_2 = predicted[:, 0] + v_2, predicted[:, 1]
    tops = [LISTS.index(next(each for each in LISTS if each[0] == a)) for a in range(3)]
    v_1 = sum(target[at, 0] * q_1[at] for at in tops)
    expected = first * (reward[:, 0] - q_1) + v_1 + both * (reward[:, 1] - q_2) + first * v_2
    np.testing.assert_allclose(cascade(log).value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_model_leaves_it_the_truth_where_a_user_reads_from_the_top(seed):
    world = World(seed)
    for reward in (world.cascade, world.apart):
        got = world.expectation(cascade(world.slates(reward, world.wrong)))
        assert got == pytest.approx(world.truth(reward), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_wrong_propensities_leave_it_the_truth_if_the_model_is_right(seed):
    world = World(seed)
    log = world.slates(world.cascade, world.cascade, logged=np.array([3.0, 1.0, 0.2]))
    assert world.expectation(cascade(log)) == pytest.approx(world.truth(world.cascade), abs=1e-12)


def test_it_is_not_where_the_items_below_matter():
    world = World(0)
    got = world.expectation(cascade(world.slates(world.anything, world.wrong)))
    assert abs(got - world.truth(world.anything)) > 0.01


def test_for_one_position_it_is_doubly_robust():
    log = slates_of([[(1, 0.5, 0.25)], [(3, 0.25, 0.5)]], model=fitted([1.5, 0.5], [1, 2]))
    assert cascade(log).value.tolist() == doubly_robust(log).value.tolist()


def test_no_model_is_a_sentence():
    with pytest.raises(ShapeError, match=r"^Cascade-DR: expected what a reward model says"):
        cascade(slates_of([[(1, 0.5, 0.5)]]))
