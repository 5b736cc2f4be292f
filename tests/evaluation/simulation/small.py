"""A small world, and its truth worked out a second time: by recursion, one user and one item at a time."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy

WORLD = replace(World.random(n_users=60, n_items=5, positions=3, kinds=2, seed=3), cascade=0.7)
SOFT = PlackettLuce(temperature=0.6)
GREEDY = EpsilonGreedy(epsilon=0.4)


class Sceptic:
    """A policy that the simulator has no shortcut for: chances are in proportion to distance from the worst."""

    def chances(self, value):
        weight = value - value.min() + 1
        return weight / weight.sum()

    def order(self, value, n, rng):
        raise NotImplementedError


def valued(policy: Policy = SOFT, *, seed: int = 0, positions: int = 3) -> Valued:
    value = np.random.default_rng(seed).normal(size=WORLD.attract.shape)
    return Valued(policy=policy, value=value, positions=positions)


def lists(policy: Valued, kind: int, above: tuple[int, ...] = (), chance: float = 1.0) -> Iterator[tuple]:
    """Every list with its probability, drawn place by place by the policy of the service."""
    if len(above) == policy.positions:
        yield above, chance
        return
    left = [item for item in range(policy.value.shape[1]) if item not in above]
    for item, p in zip(left, policy.policy.chances(policy.value[kind, left]), strict=True):
        yield from lists(policy, kind, (*above, item), chance * float(p))


def clicks(world: World, kind: int, items: tuple[int, ...]) -> list[float]:
    """The probability of a click, position by position."""
    out, reading = [], 1.0
    for examined, item in zip(world.examine, items, strict=False):
        out.append(examined * reading * world.attract[kind, item])
        reading *= 1 - world.cascade * world.attract[kind, item]
    return out


def earned(world: World, policy: Valued, kind: int) -> float:
    return sum(chance * sum(clicks(world, kind, items)) for items, chance in lists(policy, kind))
