"""Reward models whose faults are known: a model is a world, the true one or another."""

from dataclasses import replace

import numpy as np

from recsys.evaluation.off_policy.estimators.slates import Fitted
from recsys.evaluation.simulation.played import Played
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import by_kind
from recsys.evaluation.simulation.world import World


def wrong(world: World, seed: int = 0) -> World:
    """A world unlike this one: each item has half of another's attraction, all positions are looked at alike."""
    attract = np.random.default_rng(seed).permuted(world.attract, axis=1) / 2
    return replace(world, attract=attract, examine=np.ones_like(world.examine), cascade=0)


def fitted(model: World, target: Valued, played: Played) -> Fitted:
    """What a model says of a log and of the policy that is judged; its value is exact where `by_kind` is."""
    return Fitted(
        predicted=played.flat(model.expected(played.kind, played.item)),
        value=by_kind(model, target)[0][played.kind],
    )
