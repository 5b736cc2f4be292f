"""Policies as the simulator plays them: for many requests at once, with the chance of every draw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy
from recsys.schema import BoolArray, DoubleArray, IntArray

_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Lists as they were drawn.

    Attributes:
        item: int32 (n, L), no item twice in a row; -1 where a list has ended.
        propensity: float64 (n, L), P(this item at this position | the items above it); anything where there is none.
    """

    item: IntArray
    propensity: DoubleArray


class Play(Protocol):
    """Any policy: lists for users, int32 (n,), and their kinds, int32 (n,), of which it may look at either."""

    def __call__(self, user: IntArray, kind: IntArray, rng: np.random.Generator, /) -> Shown:
        """One list for each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """A policy of the service over a value of every item for every kind of user, each item a candidate.

    Attributes:
        policy: how it draws; `EpsilonGreedy(epsilon=0)` is deterministic.
        value: float64 (kinds, n_items).
        positions: how long its lists are, at most n_items.

    Raises:
        ShapeError: longer lists than there are items.
    """

    policy: Policy
    value: DoubleArray
    positions: int

    def __post_init__(self) -> None:
        if not 1 <= self.positions <= self.value.shape[1]:
            raise ShapeError(
                f"Valued: expected lists of 1 to {self.value.shape[1]} positions, as there are items, "
                f"got {self.positions}; ask for shorter ones."
            )

    def __call__(self, user: IntArray, kind: IntArray, rng: np.random.Generator, /) -> Shown:
        """A list for each, drawn position by position."""
        size = len(user), self.positions
        item, propensity, uniform = np.empty(size, np.int32), np.empty(size), rng.random(size)
        for rows in self.blocks(len(user)):
            for j in range(self.positions):
                chances = self.chances(kind[rows], item[rows, :j])
                ends = np.cumsum(chances, axis=1)
                item[rows, j] = (ends <= uniform[rows, j, None] * ends[:, -1:]).sum(axis=1)
                propensity[rows, j] = _of(chances, item[rows, j])
        return Shown(item=item, propensity=propensity)

    def given(self, kind: IntArray, item: IntArray) -> DoubleArray:
        """float64 (n, L): P(the item at its position | those above it) of anybody's lists, 0 where none is."""
        chance = np.zeros(item.shape)
        for rows in self.blocks(len(kind)):
            for j in range(min(item.shape[1], self.positions)):
                chance[rows, j] = _of(self.chances(kind[rows], item[rows, :j]), item[rows, j])
        chance[item < 0] = 0
        return chance

    def chances(self, kind: IntArray, above: IntArray) -> DoubleArray:
        """float64 (n, n_items): how likely each item is the next, below those above, int32 (n, j)."""
        left = np.ones((len(kind), self.value.shape[1]), np.bool_)
        np.put_along_axis(left, above.astype(np.int64), values=False, axis=1)
        value = np.where(left, self.value[kind], -np.inf)
        match self.policy:
            case PlackettLuce():
                powers = np.exp((value - value.max(axis=1, keepdims=True)) / self.policy.temperature)
                return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)
            case EpsilonGreedy():
                chances: DoubleArray = left * (self.policy.epsilon / left.sum(axis=1, keepdims=True))
                chances[np.arange(len(kind)), value.argmax(axis=1)] += 1 - self.policy.epsilon
                return chances
            case _:
                return self._one_by_one(value, left)

    def _one_by_one(self, value: DoubleArray, left: BoolArray) -> DoubleArray:
        chances = np.zeros(value.shape)
        for row in range(len(value)):
            chances[row, left[row]] = self.policy.chances(value[row, left[row]])
        return chances

    def blocks(self, n: int) -> Iterator[slice]:
        """Rows whose chances fit in a little memory."""
        step = max(1, _BLOCK // self.value.shape[1])
        return (slice(start, start + step) for start in range(0, n, step))


def _of(chances: DoubleArray, item: IntArray) -> DoubleArray:
    chance: DoubleArray = np.take_along_axis(chances, item[:, None].astype(np.int64), axis=1)[:, 0]
    return chance
