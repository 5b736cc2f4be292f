"""Pseudo-inverse weights: as the simulator has them for one set of items, and by expectation for two."""

import numpy as np
import pytest

from recsys.evaluation.off_policy.told.list_weights import countable, list_weights
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.simulation.marginals import pseudo_inverse
from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.policies import Valued
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy

SOFT, GREEDY = PlackettLuce(temperature=0.5), EpsilonGreedy(epsilon=0.3)


def ranked(policy: Policy, item: list[list[int]], value: list[list[float]]) -> Ranked:
    items = np.array(item, np.int32)
    return Ranked(policy=policy, item=items, value=np.array(value), there=np.ones(items.shape, np.bool_))


@pytest.mark.parametrize(("logging", "judged"), [(SOFT, GREEDY), (GREEDY, SOFT), (SOFT, SOFT)])
def test_the_simulator_agrees(logging, judged):
    rng = np.random.default_rng(0)
    before, after = -np.sort(-rng.normal(size=(2, 2, 4)), axis=2)
    orders = Orders.of(4, 2)
    own = rng.permutation(4)  # the judged policy has the same items in another order
    value = np.empty((2, 4))
    value[:, own] = after
    kinds = [Valued(policy=policy, value=each, positions=2) for policy, each in ((logging, before), (judged, value))]
    expected = pseudo_inverse(orders, *kinds)
    for row in range(len(orders.item)):
        listed = np.repeat(orders.item[[row]], 2, axis=0)
        found = list_weights(
            ranked(logging, [list(range(4))] * 2, before), ranked(judged, [own.tolist()] * 2, after), listed
        )
        np.testing.assert_allclose(found, expected[:, row], rtol=1e-7, atol=1e-9)


def test_one_place_is_a_ratio_and_what_the_log_could_not_show_is_missing():
    logging = ranked(GREEDY, [[0, 1, 2]], [[1.0, 0.5, 0.0]])
    judged = ranked(GREEDY, [[9, 1]], [[1.0, 0.0]])
    for item, before, after in ((0, 0.8, 0), (1, 0.1, 0.15), (2, 0.1, 0)):
        found = list_weights(logging, judged, np.array([[item]], np.int32))
        assert found.tolist() == pytest.approx([after / before], abs=1e-9)


def test_what_is_countable():
    assert countable(np.array([64, 65, 10, 21, 0]), np.array([1, 1, 4, 3, 1])).tolist() == [
        True,
        False,
        True,
        False,
        False,
    ]
