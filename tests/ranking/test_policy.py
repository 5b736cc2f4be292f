from collections import Counter
from itertools import permutations
from math import exp, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import EpsilonGreedy, Exploration, PlackettLuce, Policy, draw, policy, randomness

VALUES = np.array([0.2, 1.0, -0.5, 1.0])
POLICIES = [EpsilonGreedy(epsilon=0.4), PlackettLuce(temperature=0.7)]
VALUE = st.floats(-50, 50)
FIRST = [0.17599676208761383, 0.05487381079994336, 0.7363040520088333]
ANY = st.one_of(
    st.builds(EpsilonGreedy, epsilon=st.floats(0.01, 1)), st.builds(PlackettLuce, temperature=st.floats(0.05, 100))
)


def test_chances_by_hand() -> None:
    assert EpsilonGreedy(epsilon=0.4).chances(VALUES) == pytest.approx([0.1, 0.7, 0.1, 0.1])
    powers = [exp(value / 0.7) for value in VALUES]
    assert PlackettLuce(temperature=0.7).chances(VALUES) == pytest.approx([power / sum(powers) for power in powers])


@given(ANY, st.lists(VALUE, min_size=1, max_size=7), st.integers(0, 9), st.integers(0, 99))
def test_the_propensity_of_a_place_is_the_chance_among_those_left(
    chosen: Policy, values: list[float], n: int, seed: int
) -> None:
    value = np.array(values)
    places, propensity = chosen.order(value, n, np.random.default_rng(seed))
    assert len(set(places.tolist())) == len(places) == len(propensity) == min(n, len(values))
    left = list(range(len(values)))
    for place, told in zip(places.tolist(), propensity.tolist(), strict=True):
        at = left.index(place)
        assert told == pytest.approx(chosen.chances(value[left])[at], rel=1e-9)
        assert 0 < told <= 1 + 1e-12
        left.pop(at)


def _chance(chosen: Policy, places: tuple[int, ...]) -> float:
    """Of a whole order of `VALUES`, place by place."""
    left, factors = list(range(len(VALUES))), []
    for place in places:
        factors.append(chosen.chances(VALUES[left])[left.index(place)])
        left.remove(place)
    return prod(factors)


@pytest.mark.parametrize("chosen", POLICIES)
def test_lists_come_as_often_as_their_propensities_say(chosen: Policy) -> None:
    n = 20_000
    rng = np.random.default_rng(1)
    count = Counter(tuple(chosen.order(VALUES, 4, rng)[0].tolist()) for _ in range(n))
    expected = {places: _chance(chosen, places) for places in permutations(range(4))}
    assert sum(expected.values()) == pytest.approx(1)
    # chi² with 23 degrees of freedom is above 60 once in 30,000 times
    assert sum((count[places] - n * p) ** 2 / (n * p) for places, p in expected.items()) < 60


@pytest.mark.parametrize("chosen", POLICIES)
def test_one_draw_comes_as_often_as_its_chance_says(chosen: Policy) -> None:
    n = 20_000
    rng = np.random.default_rng(2)
    drawn = [draw(chosen, VALUES, rng) for _ in range(n)]
    chances = chosen.chances(VALUES)
    assert all(chance == chances[place] for place, chance in drawn)
    count = Counter(place for place, _ in drawn)
    # 3 degrees of freedom: above 24 once in 40,000 times
    assert sum((count[place] - n * p) ** 2 / (n * p) for place, p in enumerate(chances)) < 24


def test_the_coldest_and_the_widest_values_still_have_chances() -> None:
    cold = PlackettLuce(temperature=1e-3)
    value = np.array([0.0, 1.0, -1e6])
    assert cold.chances(value).tolist() == [0, 1, 0]
    places, propensity = cold.order(value, 3, np.random.default_rng(0))
    assert (places.tolist(), propensity.tolist()) == ([1, 0, 2], [1, 1, 1])


def test_a_request_has_its_own_numbers_for_ever() -> None:
    first = randomness(0, "r1").random(3).tolist()
    assert first == randomness(0, "r1").random(3).tolist()
    assert first == FIRST
    others = [randomness(1, "r1"), randomness(-1, "r1"), randomness(0, "r2"), randomness(0, "\udc80")]
    assert len({tuple(first), *(tuple(other.random(3)) for other in others)}) == 5


def test_the_policy_that_is_asked_for() -> None:
    assert policy(PolicyConfig()) is None
    assert policy(PolicyConfig(kind="epsilon_greedy", epsilon=0.3)) == EpsilonGreedy(epsilon=0.3)
    assert policy(PolicyConfig(kind="plackett_luce", temperature=2)) == PlackettLuce(temperature=2)


def test_some_of_the_users() -> None:
    sources = [randomness(0, name) for name in "abc"]
    assert Exploration(policy=POLICIES[0], sources=sources).of(slice(1, 3)).sources == sources[1:]
