"""Policy logs of experiments, made from arrays: who is in which arm, when they ask, what they click."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, FEATURES, PolicyLog
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.policies import Play
from recsys.evaluation.simulation.world import World
from recsys.schema import DAY, UTC_US, DoubleArray, IntArray, LongArray
from tests.evaluation.correlated import requests

HOUR = DAY // 24
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LATER = START + 60 * DAY
"""Every window is closed."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """n answers of one item each; times in µs from START."""

    user: IntArray
    arm: np.ndarray
    at: LongArray
    clicks: DoubleArray
    degraded: np.ndarray | None = None
    events: list[dict] = field(default_factory=list)

    def log(self) -> PolicyLog:
        n = len(self.user)
        number = pl.Series(np.arange(n)).cast(pl.String)
        bad = np.zeros(n, bool) if self.degraded is None else self.degraded
        names = {"request_id": "r" + number, "user_id": "u" + pl.Series(self.user).cast(pl.String), "arm": self.arm}
        at = {"at": moments(self.at)}
        rest = {"bundle": "b", "policy": "deterministic", "params": "{}", "seed": 0, "item_id": "x", "position": 1}
        answers = pl.DataFrame(names | at).with_columns(
            **{name: pl.lit(value) for name, value in rest.items()},
            propensity=pl.lit(1.0),
            score=pl.lit(1.0),
            degraded=pl.when(pl.Series(bad)).then(pl.lit(["ranker"])).otherwise(pl.lit([], dtype=pl.List(pl.String))),
            request=pl.lit("{}"),
            first=pl.lit(None),
        )
        row = np.repeat(np.arange(n), self.clicks.astype(np.int64))
        clicked = pl.DataFrame(
            {
                "event_id": "e" + pl.Series(np.arange(len(row))).cast(pl.String),
                "user_id": answers["user_id"][row],
                "item_id": answers["item_id"][row],
                "event": pl.Series(np.full(len(row), "click", object), dtype=pl.String),
                "timestamp": moments(self.at[row] + HOUR // 60),
                "request_id": answers["request_id"][row],
            }
        )
        posted = pl.DataFrame(self.events, schema=EVENTS, orient="row")
        return PolicyLog(
            answers=answers.select(pl.col(name).cast(kind) for name, kind in ANSWERS.items()).lazy(),
            candidates=pl.LazyFrame(schema=CANDIDATES),
            features=pl.LazyFrame(schema=FEATURES),
            events=pl.concat([clicked, posted], how="diagonal").lazy(),
        )

    def with_events(self, *events: dict) -> "Made":
        return replace(self, events=[*self.events, *events])


def moments(at: LongArray) -> pl.Series:
    return pl.Series(START + at, dtype=pl.Int64).cast(UTC_US)


def click(user: str, at: int, *, name: str | None = None, item: str = "x", event: str = "click") -> dict:
    """An event at µs from START."""
    told = {"event_id": f"{user} {at} {item} {event}", "user_id": user, "item_id": item, "event": event}
    return told | {"timestamp": moments(np.array([at]))[0], "value": None, "request_id": name, "posted": None}


def drawn(
    rng: np.random.Generator, users: int, *, arms: tuple[str, ...] = ("a", "b"), lift: float = 0.0, span: int = 20 * DAY
) -> Made:
    """Users of correlated requests, some 10 each within a day and a half of their first, an arm drawn for each.

    In every arm but the first a request earns `lift` more clicks of its own on average.
    """
    user, clicks = requests(rng, users)
    arm = rng.integers(len(arms), size=users)
    first = rng.integers(0, span, users)
    at = first[user] + rng.integers(0, 36 * HOUR, len(user))
    more = rng.random(len(user)) < lift
    return Made(user=user, arm=np.array(arms)[arm][user], at=at, clicks=clicks + more * (arm[user] > 0))


def played(world: World, policies: dict[str, Play], *, users: int, seed: int) -> Made:
    """Users of a world, each played one of the policies ten times on average; clicks of a list are told of its item."""
    parts, begins = [], 0
    for place, (name, policy) in enumerate(policies.items()):
        got = simulate(world.drawn(users, seed=2 * seed + place), policy, 10 * users, seed=2 * seed + place + 10**6)
        parts.append((got.user + begins, np.full(len(got.user), name), got.reward.sum(axis=1)))
        begins += users
    user, arm, clicks = (np.concatenate(each) for each in zip(*parts, strict=True))
    at = np.random.default_rng(seed).integers(0, 10 * DAY, len(user))
    return Made(user=user, arm=arm, at=at, clicks=clicks)
