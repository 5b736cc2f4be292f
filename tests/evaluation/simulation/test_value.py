"""True values: exact against a recursion, drawn ones within their stated error."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.simulation import value
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import Truth, by_kind, true_value
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce
from tests.evaluation.simulation.small import GREEDY, SOFT, WORLD, earned, valued

UNEVEN = replace(WORLD, share=np.linspace(0, 2, 60) / 60)


@pytest.mark.parametrize("policy", [SOFT, GREEDY, EpsilonGreedy(epsilon=0)])
def test_exact_values_are_those_of_the_recursion(policy):
    target = valued(policy)
    each = [earned(WORLD, target, kind) for kind in (0, 1)]
    got, error = by_kind(WORLD, target)
    assert (got.tolist(), error.tolist()) == (pytest.approx(each, rel=1e-12), [0, 0])
    truth = true_value(UNEVEN, target)
    by_user = sum(share * each[kind] for share, kind in zip(UNEVEN.share, UNEVEN.kind, strict=True))
    assert truth == Truth(value=pytest.approx(by_user, rel=1e-12), error=0)


@pytest.mark.parametrize("policy", [SOFT, GREEDY])
def test_drawn_values_lie_within_their_error(monkeypatch, policy):
    target = valued(policy)
    exact = true_value(UNEVEN, target)
    monkeypatch.setattr(value, "MOST", 1)
    monkeypatch.setattr(value, "_BLOCK", 1_900)
    for play in (target, lambda user, kind, rng: target(user, kind, rng)):
        drawn = [true_value(UNEVEN, play, draws=5_000, seed=seed) for seed in range(50)]
        away = np.array([(each.value - exact.value) / each.error for each in drawn])
        assert abs(away.mean()) < 4 / 50**0.5
        assert 0.7 < away.std() < 1.35  # the stated error is the true one: χ² of 49 within 24 and 89


def test_a_large_world_is_drawn_and_a_deterministic_policy_still_exact():
    world = World.random(n_users=500, n_items=12, positions=5, kinds=3)
    soft = Valued(policy=PlackettLuce(temperature=0.5), value=world.attract, positions=5)
    truth = true_value(world, soft, draws=60_000)
    assert 0 < truth.error < 0.01
    log = simulate(world, soft, 60_000, 1).reward.sum(axis=1)
    assert log.mean() == pytest.approx(truth.value, abs=4 * log.std() / 60_000**0.5 + 4 * truth.error)
    best = replace(soft, policy=EpsilonGreedy(epsilon=0))
    order = np.argsort(-world.attract, axis=1)[:, :5].astype(np.int32)
    by_hand = world.mix @ world.expected(np.arange(3, dtype=np.int32), order).sum(axis=1)
    truth = true_value(world, best, draws=3_000)
    assert (truth.value, truth.error) == (pytest.approx(by_hand, rel=1e-12), pytest.approx(0, abs=1e-12))
