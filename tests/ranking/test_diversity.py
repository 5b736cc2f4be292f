"""Both kinds of redundancy against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.config import DiversityConfig
from recsys.ranking.diversity import FLOOR, Pool, likeness
from tests.ranking.stock import unit


def order(value, vectors, n, **diversity):
    """The first n entries that a pool of all gives."""
    pool = Pool.of(np.arange(len(value)), np.asarray(value, np.float64), vectors, DiversityConfig(**diversity))
    open_ = np.ones(len(value), np.bool_)
    found = []
    for _ in range(n):
        entry = pool.best(open_)
        open_[entry] = False
        pool.add(entry)
        found.append(entry)
    return found


def by_definition(value, vectors, n, method, strength):
    """Greedy choice with the formulas of the two papers, nothing updated from step to step."""
    kernel = (1 + vectors.astype(np.float64) @ vectors.T.astype(np.float64)) / 2
    np.fill_diagonal(kernel, 1)
    chosen: list[int] = []
    for _ in range(n):
        gains = {}
        for i in set(range(len(value))) - set(chosen):
            if method == "mmr":
                redundancy = max((kernel[i, j] for j in chosen), default=0.0)
            else:
                with_i, without = [*chosen, i], chosen
                more = np.linalg.det(kernel[np.ix_(with_i, with_i)])
                redundancy = -np.log(more / (np.linalg.det(kernel[np.ix_(without, without)]) if without else 1))
            gains[i] = (1 - strength) * value[i] - strength * redundancy
        chosen.append(max(gains, key=lambda i: (gains[i], -i)))
    return chosen


@pytest.mark.parametrize("method", ["mmr", "dpp"])
@given(seed=st.integers(0, 10_000), strength=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), n=st.integers(2, 12))
def test_the_choice_is_the_definitions(method, seed, strength, n):
    rng = np.random.default_rng(seed)
    value, vectors = np.sort(rng.random(n))[::-1], unit(rng, n, 16)
    got = order(value, vectors, n, method=method, strength=strength)
    assert got == by_definition(value, vectors, n, method, strength)


@pytest.mark.parametrize("method", ["mmr", "dpp"])
def test_strength_0_is_the_order_of_value(method):
    vectors = unit(np.random.default_rng(0), 30)
    assert order(np.linspace(1, 0, 30), vectors, 30, method=method, strength=0.0) == list(range(30))


def test_mmr_by_hand():
    """Items 0 and 1 are copies, 2 is at right angles: likeness 1 and 1/2."""
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    value = [1.0, 0.9, 0.5]
    # after 0: (1 - s) · .9 - s · 1 against (1 - s) · .5 - s · .5, equal at s = 4 / 9
    assert order(value, vectors, 3, method="mmr", strength=4 / 9 - 0.01) == [0, 1, 2]
    assert order(value, vectors, 3, method="mmr", strength=4 / 9 + 0.01) == [0, 2, 1]


def test_dpp_by_hand():
    """Of a copy nothing is left; of an item at right angles 1 - (1/2)^2."""
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    pool = Pool.of(np.arange(3), np.ones(3), vectors, DiversityConfig(method="dpp", strength=1.0))
    pool.add(0)
    np.testing.assert_allclose(pool.redundancy.penalty(), [-np.log(FLOOR), -np.log(FLOOR), -np.log(3 / 4)])


def test_copies_come_last_and_in_the_order_of_value():
    rng = np.random.default_rng(1)
    vectors = np.repeat(unit(rng, 3), 4, axis=0)  # 0–3, 4–7 and 8–11 are copies
    got = order(np.linspace(1, 0, 12), vectors, 12, method="dpp", strength=0.5)
    assert sorted(got[:3]) == [0, 4, 8]
    assert got[3:] == [i for i in range(12) if i not in got[:3]]


def test_a_pool_gives_only_what_is_allowed_and_its_own():
    vectors = unit(np.random.default_rng(2), 2)
    pool = Pool.of(np.array([1, 4]), np.array([0.5, 0.1]), vectors, DiversityConfig(strength=0.2))
    allowed = np.zeros(6, np.bool_)
    assert pool.best(allowed) == -1
    allowed[[0, 4]] = True
    assert pool.best(allowed) == 4
    before = pool.redundancy.penalty().copy()
    for stranger in (0, 5):
        pool.add(stranger)
    assert pool.redundancy.penalty().tolist() == before.tolist()
    assert Pool.of(np.zeros(0, np.int64), np.zeros(0), vectors[:0], DiversityConfig()).best(allowed) == -1


def test_likeness_rounds_alike_in_any_pool():
    """A list must not depend on what else is compared at once."""
    vectors = unit(np.random.default_rng(3), 64, 48)
    whole = likeness(vectors, 5)
    part = likeness(np.ascontiguousarray(vectors[5:23]), 0)
    assert part.tobytes() == whole[5:23].tobytes()
