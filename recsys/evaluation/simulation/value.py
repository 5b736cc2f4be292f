"""What a policy truly earns in a world: its expected clicks a request."""

from dataclasses import dataclass
from math import perm

import numpy as np

from recsys.evaluation.simulation.orders import MOST, Orders
from recsys.evaluation.simulation.policies import Play, Valued
from recsys.evaluation.simulation.world import World
from recsys.schema import DoubleArray

DRAWS = 1_000_000
"""Lists of a Monte Carlo value."""

_BLOCK = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A value and its standard error, 0 where it is exact."""

    value: float
    error: float


def true_value(world: World, policy: Play, *, draws: int = DRAWS, seed: int = 0) -> Truth:
    """Over who asks, what is drawn and what is clicked.

    Of a `Valued` policy from its value for each kind of user. Of any other the mean over `draws` users and lists of
    the expected clicks, not of the clicks, and the standard error of that mean.
    """
    if isinstance(policy, Valued):
        value, error = by_kind(world, policy, draws=draws, seed=seed)
        return Truth(value=float(world.mix @ value), error=float(np.linalg.norm(world.mix * error)))
    sums = np.zeros(2)
    for start, rng in enumerate(np.random.default_rng(seed).spawn(-(-draws // _BLOCK))):
        user = world.users(min(_BLOCK, draws - start * _BLOCK), rng)
        kind = world.kind[user]
        earned = world.expected(kind, policy(user, kind, rng).item).sum(axis=1)
        sums += earned.sum(), (earned**2).sum()
    mean, square = sums / draws
    return Truth(value=float(mean), error=float(np.sqrt(max(square - mean**2, 0) / draws)))


def by_kind(world: World, policy: Valued, *, draws: int = DRAWS, seed: int = 0) -> tuple[DoubleArray, DoubleArray]:
    """float64 (kinds,) values and their standard errors.

    Exact, by enumeration, where there are at most `orders.MOST` ordered lists; else the mean over `draws` lists in
    all, as many for each kind, at least 100.
    """
    kinds, n_items = policy.value.shape
    if perm(n_items, policy.positions) <= MOST:
        orders = Orders.of(n_items, policy.positions)
        earned = [world.expected(np.full(len(orders.item), k, np.int32), orders.item).sum(axis=1) for k in range(kinds)]
        return (orders.probability(policy) * np.array(earned)).sum(axis=1), np.zeros(kinds)
    each = max(100, draws // kinds)
    value, error = np.empty(kinds), np.empty(kinds)
    for k, rng in enumerate(np.random.default_rng(seed).spawn(kinds)):
        kind = np.full(each, k, np.int32)
        drawn = world.expected(kind, policy(kind, kind, rng).item).sum(axis=1)
        value[k], error[k] = drawn.mean(), drawn.std(ddof=1) / np.sqrt(each)
    return value, error
