"""What lists earn: exact in the first place and where all are worth the same, else the mean of draws."""

import numpy as np
import pytest

from recsys.evaluation.off_policy.told.earned import earned
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.simulation.marginals import marginals
from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.policies import Valued
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce

SCORES = np.array([3.0, 2.0, 1.5, 1.0])
WORTH = np.array([1.0, 0.25, 4.0, 2.0])
POLICIES = [PlackettLuce(temperature=0.4), EpsilonGreedy(epsilon=0.3), EpsilonGreedy(epsilon=0)]


def of(policy, n: int) -> Ranked:
    return Ranked.of(
        policy, np.arange(0, 4 * n + 1, 4), np.arange(n), np.tile(np.arange(4, dtype=np.int32), n), np.tile(SCORES, n)
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_the_mean_over_many_requests_is_exact(policy):
    n, looked = 20_000, np.array([1.0, 0.5, 0.25])
    found = earned(
        of(policy, n), np.tile(WORTH, (n, 1)), np.tile(looked, (n, 1)), np.full(n, 3), seed=1, request=np.arange(n)
    )
    shown = marginals(Orders.of(4, 3), Valued(policy=policy, value=of(policy, 1).value, positions=3))[0]
    assert found.mean() == pytest.approx(looked @ shown @ WORTH, abs=4 * found.std() / n**0.5 + 1e-12)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_first_place_is_exact(policy):
    ranked = of(policy, 2)
    found = earned(ranked, np.tile(WORTH, (2, 1)), np.full((2, 1), 0.5), np.array([1, 0]), seed=0, request=np.arange(2))
    assert found.tolist() == pytest.approx([0.5 * policy.chances(ranked.value[0]) @ WORTH, 0])


def test_lists_end_with_their_candidates():
    found = earned(of(POLICIES[0], 1), np.ones((1, 4)), np.ones((1, 6)), np.array([6]), seed=0, request=np.arange(1))
    assert found.tolist() == pytest.approx([4])
