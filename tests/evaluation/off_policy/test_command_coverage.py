"""The whole way that `recsys ab` goes, from a log and a file of scores to intervals, held against the truth.

`python -m pytest -m prove -rP tests/evaluation/off_policy/test_command_coverage.py` prints the figures.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.judging.judge import Evidence, Policy, judge
from recsys.evaluation.off_policy.judging.learned import learned
from recsys.evaluation.off_policy.told.told import told
from recsys.evaluation.simulation.played import Played
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import true_value
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import PlackettLuce
from tests.evaluation.off_policy.played_log import a_log

WORLD = World.random(n_users=1_000, n_items=6, positions=3, kinds=3, seed=4)
RNG = np.random.default_rng(0)


def stretched(values: np.ndarray) -> Valued:
    """Values that run from 0 to 1 for every kind of user, as the service draws by them."""
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    return Valued(policy=PlackettLuce(temperature=0.8), value=(values - low) / (high - low), positions=3)


LOGGING = stretched(WORLD.attract + 0.3 * RNG.random(WORLD.attract.shape))
BETTER = stretched(WORLD.attract)
SAME = LOGGING


def scores(file: Path, played: Played, policy: Valued) -> Path:
    n = len(played.user)
    rows = {
        "request_id": [f"r{r}" for r in range(n)],
        "item_ids": [[f"i{i}" for i in range(6)]] * n,
        "scores": policy.value[played.kind].tolist(),
    }
    pl.DataFrame(rows).write_parquet(file)
    return file


def counted(folder: Path, seeds: int, *, icc: float) -> dict[str, float]:
    """How often intervals hold the truth, by estimator, and that of the difference; 1,500 requests of 300 users."""
    world = replace(WORLD, icc=icc)
    truth = {"log": true_value(world, LOGGING).value, "better": true_value(world, BETTER).value}
    hits: dict[str, int] = {}
    for seed in range(seeds):
        played, logged = a_log(1_500, logging=LOGGING, world=world.drawn(300, seed), seed=seed)
        worths = learned(logged, seed=seed)
        target = told(scores(folder / "better.parquet", played, BETTER), logged, worths=worths)
        answer = judge(
            Evidence(logged=logged, worths=worths),
            {"better": Policy(source="", target=target)},
            config=OffPolicyConfig(samples=400),
            seed=seed,
        )
        found = answer.policies["better"]
        figures = {name: (each, truth["better"]) for name, each in found.estimates.items()}
        figures |= {"log": (answer.logged, truth["log"])}
        figures |= {"difference": (found.against.relative, truth["better"] / truth["log"] - 1)}
        for name, (each, true) in figures.items():
            hits[name] = hits.get(name, 0) + (each.low <= true <= each.high)
    return {name: n / seeds for name, n in hits.items()}


def test_intervals_of_the_whole_way_hold_the_truth(tmp_path):
    got = counted(tmp_path, 12, icc=0.3)
    assert set(got) >= {"log", "difference", "doubly_robust", "snips", "ips", "cascade", "independent"}
    assert all(share >= 0.6 for name, share in got.items() if name != "direct")


@pytest.mark.prove
@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_intervals_of_the_whole_way_hold_the_truth_in_600_logs(tmp_path, icc):
    got = counted(tmp_path, 600, icc=icc)
    print(f"ICC {icc}:", ", ".join(f"{name} {share:.1%}" for name, share in got.items()))
    assert all(0.925 <= share <= 0.975 for name, share in got.items() if name != "direct")
