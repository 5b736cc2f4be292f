"""Logs that are drawn by hand from scores, and what a judged ranker makes of them: slowly, list by list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy, randomness
from recsys.ranking.relevance import relevance
from tests.evaluation.off_policy.small_log import LATER, answer, at, event, log

ITEMS = [f"i{n}" for n in range(9)]
SOFT = PolicyConfig(kind="plackett_luce", temperature=0.4)
GREEDY = PolicyConfig(kind="epsilon_greedy", epsilon=0.3)

Scores = Mapping[str, float]
"""Item → score, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of a log, or of a judged ranker, by hand."""

    name: str
    shown: tuple[str, ...]
    scores: Scores
    config: PolicyConfig


def policy_of(config: PolicyConfig) -> Policy:
    if config.kind == "plackett_luce":
        return PlackettLuce(temperature=config.temperature)
    return EpsilonGreedy(epsilon=config.epsilon if config.kind == "epsilon_greedy" else 0)


def params_of(config: PolicyConfig) -> str:
    name = {"plackett_luce": "temperature", "epsilon_greedy": "epsilon"}[config.kind]
    return json.dumps({name: getattr(config, name)})


def scores_of(rng: np.random.Generator, n: int) -> dict[str, float]:
    """n items with different scores, float32, best first."""
    some = rng.permutation(ITEMS)[:n].tolist()
    values = np.sort(rng.normal(size=n).astype(np.float32))[::-1]
    return dict(zip(some, values.tolist(), strict=True))


def values_of(scores: Scores) -> dict[str, float]:
    """What is drawn from, best first; of equal scores the first."""
    items = sorted(scores, key=lambda item: -scores[item])
    falling = np.array([scores[item] for item in items])
    return dict(zip(items, relevance(falling, falling, 100).tolist(), strict=True))


def next_of(config: PolicyConfig, values: Mapping[str, float], above: Sequence[str]) -> dict[str, float]:
    """Each item left, and how likely it is the next."""
    left = [item for item in values if item not in above]
    if not left:
        return {}
    chances = policy_of(config).chances(np.array([values[item] for item in left]))
    return dict(zip(left, chances.tolist(), strict=True))


def every(config: PolicyConfig, values: Mapping[str, float], places: int) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every list, as long as there are items, with its probability."""

    def below(above: tuple[str, ...], chance: float) -> Iterator[tuple[tuple[str, ...], float]]:
        further = next_of(config, values, above) if len(above) < places else {}
        if not further:
            yield above, chance
        for item, p in further.items():
            yield from below((*above, item), chance * p)

    yield from below((), 1.0)


def drawn(name: str, scores: Scores, config: PolicyConfig, places: int) -> Asked:
    """A request whose list is drawn."""
    values = values_of(scores)
    which, _ = policy_of(config).order(np.array(list(values.values())), places, randomness(1, name))
    return Asked(name=name, shown=tuple(list(values)[n] for n in which), scores=scores, config=config)


def logged_of(asked: Sequence[Asked], *, told: Sequence[str] | None = None) -> Logged:
    """The log of these requests, propensities as float32; it holds the candidates of those `told`, or of all."""
    rows, candidates = [], []
    for minute, each in enumerate(asked):
        values = values_of(each.scores)
        found = answer(each.name, minute, *each.shown, policy=each.config.kind, params=params_of(each.config))
        for place, row in enumerate(found if each.shown else []):
            chance = next_of(each.config, values, each.shown[:place])[each.shown[place]]
            row["propensity"] = float(np.float32(chance))
        rows.append(found)
        if told is None or each.name in told:
            items, scores = list(each.scores), list(each.scores.values())
            candidates.append(
                {"request_id": each.name, "at": at(minute), "user_id": None, "item_ids": items, "scores": scores}
            )
    first = next(each for each in asked if each.shown)
    made = log(rows, [event(first.name, first.shown[0], 500)], candidates)
    logged = Logged.of(made, OffPolicyConfig(), as_of=LATER)
    assert isinstance(logged, Logged), logged
    return logged


def file_of(folder: Path, scores: Mapping[str, Scores]) -> Path:
    """What a ranker gives to its candidates of each request."""
    rows = [(name, list(each), list(each.values())) for name, each in scores.items()]
    schema = {"request_id": pl.String, "item_ids": pl.List(pl.String), "scores": pl.List(pl.Float64)}
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(folder / "told.parquet")
    return folder / "told.parquet"


def world(seed: int, config: PolicyConfig = SOFT, *, n: int = 6, places: int = 3) -> list[Asked]:
    """Requests r0, r1, … of four to six candidates."""
    rng = np.random.default_rng(seed)
    return [drawn(f"r{row}", scores_of(rng, int(rng.integers(4, 7))), config, places) for row in range(n)]
