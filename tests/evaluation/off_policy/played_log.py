"""What the simulator played, as the service would have logged it: a minute between answers, every item a candidate."""

import numpy as np
import polars as pl

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, FEATURES, PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.logged import Logged
from recsys.evaluation.off_policy.target import Target
from recsys.evaluation.off_policy.worths import Worths
from recsys.evaluation.simulation.played import Played, simulate
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import by_kind
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import PlackettLuce
from tests.evaluation.off_policy.small_log import LATER, START

BASE = World.random(n_users=400, n_items=5, positions=3, kinds=3, seed=11)
MINUTE = 60_000_000
FIRST = int(START.timestamp() * 1e6)


def luce(temperature: float = 1.0, *, times: float = 3.0, world: World = BASE) -> Valued:
    """Who knows what attracts; below 0, who has it the wrong way round."""
    return Valued(policy=PlackettLuce(temperature=temperature), value=times * world.attract, positions=3)


def written(played: Played, logging: Valued) -> PolicyLog:
    """The log of it."""
    n = len(played.user)
    at = FIRST + MINUTE * np.arange(n)
    head = pl.DataFrame(
        {
            "request_id": [f"r{r}" for r in range(n)],
            "at": pl.Series(at).cast(ANSWERS["at"]),
            "user_id": [f"u{u}" for u in played.user.tolist()],
        }
    )
    row = np.repeat(np.arange(n), np.diff(played.indptr))
    rows = {
        "item_id": [f"i{i}" for i in played.item[played.item >= 0].tolist()],
        "position": np.arange(len(row)) - played.indptr[row] + 1,
        "propensity": played.flat(played.propensity),
        "score": logging.value[played.kind[row], played.item[played.item >= 0]],
    }
    fixed = {
        "arm": pl.lit("a"),
        "bundle": pl.lit("aaa"),
        "policy": pl.lit("plackett_luce"),
        "params": pl.lit('{"temperature":1.0}'),
        "seed": pl.lit(7),
        "degraded": pl.lit([], dtype=ANSWERS["degraded"]),
        "request": pl.lit('{"kind":"recommend","k":3}'),
    }
    answers = head[row].with_columns(pl.DataFrame(rows)).with_columns(**fixed)
    clicked = np.flatnonzero(played.flat(played.reward))
    events = answers[clicked].select(
        pl.format("{} {}", "request_id", "item_id").alias("event_id"),
        "user_id",
        "item_id",
        pl.lit("click").alias("event"),
        pl.col("at").alias("timestamp"),
        pl.lit(None, dtype=pl.Float64).alias("value"),
        "request_id",
        pl.col("at").alias("posted"),
    )
    value = logging.value[played.kind]
    order = np.argsort(-value, axis=1, kind="stable")
    candidates = head.with_columns(
        item_ids=pl.Series([[f"i{i}" for i in each] for each in order.tolist()]),
        scores=pl.Series(np.take_along_axis(value, order, axis=1).tolist()),
    )
    tables = {"answers": (answers, ANSWERS), "candidates": (candidates, CANDIDATES), "events": (events, EVENTS)}
    return PolicyLog(
        **{name: frame.select(*schema).cast(dict(schema)).lazy() for name, (frame, schema) in tables.items()},
        features=pl.LazyFrame(schema=FEATURES),
    )


def a_log(
    n: int = 4_000, *, logging: Valued | None = None, world: World = BASE, seed: int = 0
) -> tuple[Played, Logged]:
    """n requests played and read back."""
    logging = luce() if logging is None else logging
    played = simulate(world, logging, n, seed)
    logged = Logged.of(written(played, logging), OffPolicyConfig(window_hours=1), as_of=LATER)
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
