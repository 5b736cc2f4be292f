"""Estimators against truth: over many logs of a world whose value is known, is their mean the truth?

`python -m pytest -m prove -s tests/evaluation/simulation/test_unbiased.py` prints the figures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from recsys.evaluation.off_policy.estimators.cascade import cascade
from recsys.evaluation.off_policy.estimators.direct import direct
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.independent import independent
from recsys.evaluation.off_policy.estimators.ips import ips
from recsys.evaluation.off_policy.estimators.pseudo_inverse import pseudo_inverse
from recsys.evaluation.off_policy.estimators.reward_interaction import reward_interaction
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.snips import snips
from recsys.evaluation.off_policy.estimators.terms import Terms
from recsys.evaluation.simulation.judged import judged
from recsys.evaluation.simulation.models import wrong
from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.played import Played, simulate
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import true_value
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce

REQUESTS = 2_000
USERS = 200
BASE = replace(World.random(n_users=1_000, n_items=5, positions=3, kinds=3, seed=11), icc=0.3)


def tastes(seed: int) -> np.ndarray:
    """What a policy holds the items to be worth: half right."""
    return 3 * BASE.attract + 0.7 * np.random.default_rng(seed).standard_normal(BASE.attract.shape)


@dataclass(frozen=True, kw_only=True)
class Setting:
    world: World
    logging: Valued
    target: Valued
    unbiased: tuple[str, ...]
    biased: tuple[str, ...]


ALWAYS = ("ips", "direct, true model", "doubly robust, wrong model", "doubly robust, wrong propensities")
FROM_ABOVE = ("reward interaction", "cascade, wrong model", "cascade, wrong propensities")
APART = ("independent", "pseudo-inverse")
WRONG = ("ips, wrong propensities", "direct, wrong model")

SOFT = Valued(policy=PlackettLuce(temperature=1.2), value=tastes(1), positions=3)
SHARP = Valued(policy=PlackettLuce(temperature=0.7), value=tastes(2), positions=3)
EVEN = Valued(policy=EpsilonGreedy(epsilon=1), value=tastes(3), positions=3)
SETTINGS = {
    "positions apart": Setting(
        world=BASE, logging=SOFT, target=SHARP, unbiased=ALWAYS + FROM_ABOVE + APART, biased=WRONG
    ),
    "items above end the reading, the best last": Setting(
        world=replace(BASE, cascade=1),
        logging=Valued(policy=PlackettLuce(temperature=0.5), value=BASE.attract, positions=3),
        target=Valued(policy=PlackettLuce(temperature=0.3), value=-BASE.attract, positions=3),
        unbiased=ALWAYS + FROM_ABOVE,
        biased=WRONG + APART,
    ),
    "epsilon-greedy log, deterministic target": Setting(
        world=replace(BASE, cascade=0.9),
        logging=replace(SOFT, policy=EpsilonGreedy(epsilon=0.7), positions=2),
        target=replace(SHARP, policy=EpsilonGreedy(epsilon=0), positions=2),
        unbiased=ALWAYS + FROM_ABOVE,
        biased=(*WRONG, "independent"),
    ),
}

Estimators = dict[str, tuple[Callable[[Slates], Terms], str]]
ESTIMATORS: Estimators = {
    "ips": (ips, "plain"),
    "snips": (snips, "plain"),
    "reward interaction": (reward_interaction, "plain"),
    "independent": (independent, "plain"),
    "pseudo-inverse": (pseudo_inverse, "plain"),
    "direct, true model": (direct, "wrong propensities"),
    "direct, wrong model": (direct, "wrong model"),
    "doubly robust, wrong model": (doubly_robust, "wrong model"),
    "doubly robust, wrong propensities": (doubly_robust, "wrong propensities"),
    "cascade, wrong model": (cascade, "wrong model"),
    "cascade, wrong propensities": (cascade, "wrong propensities"),
    "ips, wrong propensities": (ips, "wrong propensities"),
}


def read(setting: Setting, log: Played) -> list[Terms]:
    """What every estimator makes of a log; `EVEN`'s propensities are the wrong ones."""
    lied = replace(log, propensity=EVEN.given(log.kind, log.item))
    slates = {
        "plain": judged(log, setting.target, logging=setting.logging),
        "wrong model": judged(log, setting.target, model=wrong(setting.world)),
        "wrong propensities": judged(lied, setting.target, model=setting.world),
    }
    return [estimator(slates[which]) for estimator, which in ESTIMATORS.values()]


@pytest.mark.parametrize("name", SETTINGS)
def test_expectations_are_exactly_the_truth_where_they_should_be_and_nowhere_else(name):
    """No draws: every list once, its expected clicks as its rewards, what is made of it weighed by its probability."""
    setting = SETTINGS[name]
    world, logging = setting.world, setting.logging
    lists = Orders.of(5, logging.positions).item
    kind, item = np.repeat(np.arange(3, dtype=np.int32), len(lists)), np.tile(lists, (3, 1))
    propensity, reward = logging.given(kind, item), world.expected(kind, item)
    log = Played(user=kind, kind=kind, item=item, propensity=propensity, reward=reward)
    probability = world.mix[kind] * propensity.prod(axis=1)
    means = [probability @ terms.value / (probability @ terms.weight) for terms in read(setting, log)]
    away = dict(zip(ESTIMATORS, np.array(means) / true_value(world, setting.target).value - 1, strict=True))
    assert {each: away[each] for each in (*setting.unbiased, "snips") if not abs(away[each]) < 1e-9} == {}
    assert {each: away[each] for each in setting.biased if not abs(away[each]) > 0.02} == {}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("seeds", [20, pytest.param(500, marks=pytest.mark.prove)])
def test_the_mean_over_logs_is_the_truth_where_it_should_be_and_nowhere_else(name, seeds):
    setting = SETTINGS[name]
    truth = true_value(setting.world, setting.target)
    assert truth.error == 0
    logs = (simulate(setting.world.drawn(USERS, seed), setting.logging, REQUESTS, seed) for seed in range(seeds))
    found = np.array([[terms.estimate for terms in read(setting, log)] for log in logs])
    spread = found.std(axis=0, ddof=1) / truth.value
    bias, error = found.mean(axis=0) / truth.value - 1, spread / np.sqrt(seeds)
    print(f"\n{name}: true value {truth.value:.4f}; {seeds} logs of {REQUESTS} requests of {USERS} users, icc .3")
    print(f"{'estimator':34}{'bias %':>9}{'SE %':>8}{'bias/SE':>9}{'sd %':>8}")
    for at, each in enumerate(ESTIMATORS):
        said = "unbiased" if each in setting.unbiased else "biased" if each in setting.biased else ""
        figures = f"{100 * bias[at]:9.3f}{100 * error[at]:8.3f}{bias[at] / error[at]:9.2f}{100 * spread[at]:8.2f}"
        print(f"{each:34}{figures}  {said}")
    away, share = (dict(zip(ESTIMATORS, each, strict=True)) for each in (bias / error, bias))
    assert {each: away[each] for each in setting.unbiased if not abs(away[each]) <= 3.5} == {}
    if seeds >= 500:
        assert {each: share[each] for each in (*setting.unbiased, "snips") if not abs(share[each]) <= 0.02} == {}
        assert {each: away[each] for each in setting.biased if not abs(away[each]) > 3.5} == {}
