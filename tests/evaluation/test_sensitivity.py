"""How many requests: against textbook numbers, and against how often tests do see what is there."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from recsys.errors import ShapeError
from recsys.evaluation.interleave import outcomes
from recsys.evaluation.sensitivity import Rewards, interleaved, split
from tests.evaluation.clicks import WAYS, World

EACH = 3
USERS = 4000


@pytest.fixture(scope="module")
def seen() -> dict[str, tuple[Rewards, ...]]:
    """What a better and a worse ranking get: apart, and in lists of both."""
    rng = np.random.default_rng(5)
    world = World.of(EACH * USERS, rng, noise=(0.1, 0.3), each=EACH)
    found = {"split": (world.alone(world.first, rng), world.alone(world.second, rng))}
    for way in WAYS:
        clicks = world.interleaved(way, rng)
        found[way] = (Rewards(user_idx=clicks.user_idx, reward=outcomes(clicks)),)
    return found


def rewards(values, users=None) -> Rewards:
    values = np.array(values, np.float64)
    return Rewards(user_idx=np.arange(len(values)) if users is None else np.array(users), reward=values)


def test_numbers_by_hand():
    """One request a user: (1.96 + .84)² variance ÷ effect², and four times two variances for a split."""
    first, second = rewards([3, 1, 2, 6]), rewards([1, 1, 0, 2])
    z = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2
    paired = interleaved(first)
    variance = np.var([3, 1, 2, 6], ddof=1)
    assert (paired.effect, paired.variance) == (3, pytest.approx(variance))
    assert paired.requests == pytest.approx(z * variance / 9)
    apart = split(first, second)
    assert apart.effect == 2
    assert apart.requests == pytest.approx(z * 2 * (variance + np.var([1, 1, 0, 2], ddof=1)) / 4)


def test_the_textbook_size_of_two_groups():
    """A difference of half a standard deviation needs about 63 in each group (Cohen 1988: 64 by the t distribution)."""
    values = np.tile([-1.0, 1.0], 5000)
    assert split(rewards(values + 0.5), rewards(values)).requests == pytest.approx(2 * 62.8, abs=0.2)


def test_requests_of_one_user_are_not_independent():
    values = np.random.default_rng(0).normal(0.2, 1, 500)
    once = interleaved(rewards(values))
    four = interleaved(rewards(np.repeat(values, 4), users=np.repeat(np.arange(500), 4)))
    assert four.requests == pytest.approx(4 * once.requests)


def test_more_power_or_a_higher_level_needs_more():
    some = rewards([1, 0, 1, 2])
    sizes = [interleaved(some, power=p, level=a).requests for p, a in ((0.5, 0.95), (0.8, 0.95), (0.8, 0.99))]
    assert sizes == sorted(sizes)
    assert sizes[0] == pytest.approx(norm.ppf(0.975) ** 2 * some.variance / some.mean**2)


def test_no_effect_needs_all_the_requests_there_are():
    assert interleaved(rewards([1, -1])).requests == math.inf
    assert split(rewards([1, 2]), rewards([2, 1])).requests == math.inf


def test_one_user_is_refused():
    with pytest.raises(ShapeError, match="at least two users, got 2 of 2 requests and 1 users"):
        rewards([1, 2], users=[7, 7])


def needed(seen: tuple[Rewards, ...]) -> float:
    return interleaved(*seen).requests if len(seen) == 1 else split(*seen).requests


def test_lists_of_both_need_fewer_requests_than_a_split(seen):
    sizes = {way: needed(rewards) for way, rewards in seen.items()}
    assert sizes["probabilistic"] < sizes["team-draft"] < sizes["split"] / 2


@pytest.mark.parametrize("way", ["split", *WAYS])
def test_so_many_requests_do_have_the_power(seen, way):
    """Users drawn out of those seen, as many as are said to be needed: four of five tests find the difference."""
    arms = [arm.reward.reshape(USERS, EACH) for arm in seen[way]]
    users = round(needed(seen[way]) / EACH / len(arms))
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(600):
        drawn = [rewards(arm[rng.integers(0, USERS, users)].ravel(), np.repeat(np.arange(users), EACH)) for arm in arms]
        effect = drawn[0].mean - sum(arm.mean for arm in drawn[1:])
        error = math.sqrt(sum(arm.variance / len(arm.reward) for arm in drawn))
        found += abs(effect) > norm.ppf(0.975) * error
    # 600 draws are 4 standard errors, .065, off once in 16,000 times
    assert found / 600 == pytest.approx(0.8, abs=0.065)
