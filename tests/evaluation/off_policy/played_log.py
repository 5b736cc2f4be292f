"""Logs of the simulator as they are read back, and policies beside them."""

import numpy as np

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.simulation.played import Played, simulate
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import by_kind
from recsys.evaluation.simulation.world import World
from recsys.evaluation.simulation.written import written
from recsys.ranking.policy import PlackettLuce
from tests.evaluation.off_policy.small_log import LATER, START

BASE = World.random(n_users=400, n_items=5, positions=3, kinds=3, seed=11)
FIRST = int(START.timestamp() * 1e6)


def luce(temperature: float = 1.0, *, times: float = 3.0, world: World = BASE) -> Valued:
    """Who knows what attracts; below 0, who has it the wrong way round."""
    return Valued(policy=PlackettLuce(temperature=temperature), value=times * world.attract, positions=3)


def a_log(
    n: int = 4_000, *, logging: Valued | None = None, world: World = BASE, seed: int = 0
) -> tuple[Played, Logged]:
    """n requests played and read back."""
    logging = luce() if logging is None else logging
    played = simulate(world, logging, n, seed)
    logged = Logged.of(written(played, logging, start=FIRST), OffPolicyConfig(window_hours=1), as_of=LATER)
    assert isinstance(logged, Logged), logged
    return played, logged


def target(played: Played, policy: Valued, *, model: World | None = None, **more: object) -> Target:
    """What a policy would have done."""
    value = None if model is None else by_kind(model, policy)[0][played.kind]
    probability = played.flat(policy.given(played.kind, played.item))
    return Target(probability=probability, outside=np.zeros(len(played.user)), value=value, **more)


def worths(played: Played, model: World) -> Worths:
    """What a world that is taken for the true one says; of its places alone, since the judge asks for no more."""
    n, places = len(played.user), len(model.examine)
    predicted = played.flat(model.expected(played.kind, played.item))
    each = np.zeros(n * model.attract.shape[1])
    return Worths(predicted=predicted, each=each, others=np.zeros(n), looked=np.ones((n, places)))
