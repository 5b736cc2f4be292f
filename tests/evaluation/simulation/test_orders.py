"""All lists, and how likely each is."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.simulation.orders import Orders
from tests.evaluation.simulation.small import GREEDY, SOFT, lists, valued


@pytest.mark.parametrize("policy", [SOFT, GREEDY])
def test_probabilities_are_those_of_the_service(policy):
    orders, target = Orders.of(5, 3), valued(policy)
    got = orders.probability(target)
    assert got.sum(axis=1) == pytest.approx([1, 1])
    for kind in (0, 1):
        known = dict(lists(target, kind))
        assert [tuple(row) for row in orders.item.tolist()] == list(known)
        assert got[kind] == pytest.approx(list(known.values()), rel=1e-12)


def test_every_list_is_found_at_its_row():
    orders = Orders.of(6, 3)
    shuffled = np.random.default_rng(0).permutation(len(orders.item))
    assert orders.place(orders.item[shuffled]).tolist() == shuffled.tolist()


def test_too_many_are_refused():
    assert len(Orders.of(7, 6).item) == 5_040
    with pytest.raises(ShapeError, match="expected at most 5040 ordered lists, got 6720 of 5 of 8 items"):
        Orders.of(8, 5)
