"""Intervals against truth: how often does the 95 % interval of a simulated log hold the true value?

`python -m pytest -m prove -s tests/evaluation/simulation/test_coverage.py` prints the figures.
"""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.off_policy.estimators.cascade import cascade
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.independent import independent
from recsys.evaluation.off_policy.estimators.ips import ips
from recsys.evaluation.off_policy.estimators.pseudo_inverse import pseudo_inverse
from recsys.evaluation.off_policy.estimators.reward_interaction import reward_interaction
from recsys.evaluation.off_policy.estimators.snips import snips
from recsys.evaluation.off_policy.intervals.bootstrap import Bootstrap, Column
from recsys.evaluation.simulation.judged import judged
from recsys.evaluation.simulation.models import wrong
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import true_value
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import PlackettLuce

BASE = World.random(n_users=1_000, n_items=5, positions=3, kinds=3, seed=11)
LOGGING = Valued(policy=PlackettLuce(temperature=1.2), value=3 * BASE.attract, positions=3)
TARGET = Valued(policy=PlackettLuce(temperature=0.9), value=3 * BASE.attract, positions=3)
MODEL = wrong(BASE)
ESTIMATORS = (ips, snips, reward_interaction, independent, pseudo_inverse, doubly_robust, cascade)


def covered(icc: float, seeds: int) -> np.ndarray:
    """(2, 7): how often intervals by user and by request hold the truth; 2,000 requests of 200 users drawn afresh."""
    world = replace(BASE, icc=icc)
    truth, hits = true_value(world, TARGET).value, np.zeros((2, len(ESTIMATORS)))
    for seed in range(seeds):
        log = simulate(world.drawn(200, seed), LOGGING, 2_000, seed)
        slates = judged(log, TARGET, logging=LOGGING, model=MODEL)
        terms = {estimator.__name__: estimator(slates) for estimator in ESTIMATORS}
        columns = [Column(name=name, value=each.value, weight=each.weight) for name, each in terms.items()]
        for row, cluster in enumerate((slates.user_idx, np.arange(len(slates), dtype=np.int32))):
            drawn = Bootstrap.of(cluster, columns, samples=200, seed=seed)
            bounds = [drawn.value(name).interval() for name in terms]
            hits[row] += [each.low <= truth <= each.high for each in bounds]
    return hits / seeds


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_intervals_by_user_hold_the_truth_and_those_by_request_do_not(icc):
    by_user, by_request = covered(icc, 30)
    assert (by_user >= 0.85).all()
    assert icc == 0 or by_request.mean() < 0.85


@pytest.mark.prove
@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_intervals_hold_the_truth_in_1000_seeds(icc):
    by_user, by_request = covered(icc, 1_000)
    print(f"\n95 % intervals of 1,000 logs, 2,000 requests of 200 users, icc {icc}: by user, by request")
    for at, estimator in enumerate(ESTIMATORS):
        print(f"{estimator.__name__:20}{by_user[at]:8.1%}{by_request[at]:8.1%}")
    assert ((by_user >= 0.925) & (by_user <= 0.975)).all()
    assert icc == 0 or by_request.max() < 0.9
