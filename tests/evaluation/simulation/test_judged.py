"""A simulated log as the estimators read it."""

import pytest

from recsys.evaluation.simulation.judged import judged
from recsys.evaluation.simulation.marginals import marginals, pseudo_inverse
from recsys.evaluation.simulation.models import fitted
from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.played import simulate
from tests.evaluation.simulation.small import GREEDY, WORLD, valued

LOGGING, TARGET = valued(), valued(GREEDY, seed=1)
LOG = simulate(WORLD, LOGGING, 50, 0)


def test_every_row_and_every_request_has_its_own_figures():
    slates = judged(LOG, TARGET, logging=LOGGING, model=WORLD)
    orders = Orders.of(5, 3)
    logged, aimed = marginals(orders, LOGGING), marginals(orders, TARGET)
    weight, known = pseudo_inverse(orders, LOGGING, TARGET), [tuple(row) for row in orders.item.tolist()]
    chance = TARGET.given(LOG.kind, LOG.item)
    for r, (kind, items) in enumerate(zip(LOG.kind.tolist(), LOG.item.tolist(), strict=True)):
        assert slates.pseudo[r] == weight[kind, known.index(tuple(items))]
        for j, item in enumerate(items):
            row = slates.indptr[r] + j
            assert (slates.reward[row], slates.logged[row]) == (LOG.reward[r, j], LOG.propensity[r, j])
            assert slates.target[row] == chance[r, j]
            assert slates.marginal.logged[row] == logged[kind, j, item]
            assert slates.marginal.target[row] == aimed[kind, j, item]
    assert slates.model.value.tolist() == fitted(WORLD, TARGET, LOG).value.tolist()
    assert slates.user_idx.tolist() == LOG.cluster.tolist()


def test_what_is_not_asked_for_is_left_out():
    slates = judged(LOG, TARGET)
    assert (slates.model, slates.marginal, slates.pseudo) == (None, None, None)


def test_a_policy_judged_by_its_own_log_weighs_one():
    assert judged(LOG, LOGGING).weights() == pytest.approx([1] * 50, rel=1e-12)
