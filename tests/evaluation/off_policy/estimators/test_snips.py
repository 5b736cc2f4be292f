"""Self-normalised inverse propensity scoring."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from recsys.evaluation.off_policy.estimators.snips import snips
from tests.evaluation.off_policy.enumerated import World
from tests.evaluation.off_policy.small_slates import as_lists, slates, slates_of, weight_of


def test_a_log_by_hand():
    got = snips(slates_of([[(1, 0.5, 1.0)], [(4, 0.5, 0.25)]]))
    assert got.value.tolist() == [2 * 1, 0.5 * 4]
    assert got.weight.tolist() == [2, 0.5]
    assert got.estimate == (2 + 2) / 2.5


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    lists = as_lists(world)
    weights = [weight_of(rows) for rows, _, _ in lists]
    earned = [sum(row.reward for row in rows) for rows, _, _ in lists]
    got = snips(world)
    np.testing.assert_allclose(got.weight, weights, rtol=1e-12)
    if sum(weights) == 0:
        assert math.isnan(got.estimate)
    else:
        expected = sum(w * r for w, r in zip(weights, earned, strict=True)) / sum(weights)
        assert got.estimate == pytest.approx(expected, rel=1e-12)
        assert min(earned) - 1e-9 <= got.estimate <= max(earned) + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_over_all_lists_it_is_the_truth(seed):
    world = World(seed)
    assert world.expectation(snips(world.slates(world.anything))) == pytest.approx(
        world.truth(world.anything), abs=1e-12
    )


def test_what_every_propensity_is_wrong_by_drops_out():
    lists = [[(1.0, 0.5, 0.25)], [(3.0, 0.25, 0.5)]]
    halved = [[(r, logged / 2, target) for r, logged, target in rows] for rows in lists]
    assert snips(slates_of(lists)).estimate == snips(slates_of(halved)).estimate == (0.5 * 1 + 2 * 3) / 2.5


def test_a_constant_is_passed_on():
    lists = [[(1.0, 0.5, 0.25)], [(3.0, 0.25, 0.5)]]
    more = [[(r + 7, logged, target) for r, logged, target in rows] for rows in lists]
    assert snips(slates_of(more)).estimate == pytest.approx(snips(slates_of(lists)).estimate + 7, rel=1e-12)
    assert np.allclose(snips(slates_of(more)).weight, snips(slates_of(lists)).weight)
