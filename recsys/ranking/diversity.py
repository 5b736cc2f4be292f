"""How much an item repeats what a list already holds, by two definitions.

With S the likeness of two items, (1 + cosine) / 2 of their vectors, and Y the items chosen so far, the next item is the
one with the highest

    (1 - strength) · value  -  strength · redundancy(item, Y)

    mmr   redundancy = max_{j in Y} S_ij, 0 for an empty list     maximal marginal relevance, Carbonell & Goldstein 1998
    dpp   redundancy = -log(det S_{Y + i} ÷ det S_Y)              determinantal point process; its greedy maximum by
                                                                  Chen, Zhang & Zhou 2018 (NeurIPS): one row of the
                                                                  Cholesky factor for each item chosen

Their trade-off of the sum of relevance with log det S is this one, theta being 1 - strength.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsys.ranking.config import DiversityConfig
from recsys.schema import BoolArray, DoubleArray, FloatArray, LongArray

FLOOR = 1e-6
"""Least determinant ratio: below it, in float32 vectors, an item is a copy of those chosen."""


class Redundancy(Protocol):
    """What the items chosen so far say against each item of a pool of n."""

    def penalty(self) -> DoubleArray:
        """float64 (n,)."""
        ...

    def add(self, place: int, likeness: DoubleArray) -> None:
        """The item at a place of the pool was chosen; float64 (n,) of `likeness` to it."""
        ...


@dataclass(slots=True, kw_only=True)
class Nearest:
    """Maximal marginal relevance: the likeness to the nearest chosen item.

    Attributes:
        nearest: float64 (n,).
    """

    nearest: DoubleArray

    def penalty(self) -> DoubleArray:
        """float64 (n,) in [0, 1]."""
        return self.nearest

    def add(self, place: int, likeness: DoubleArray) -> None:  # noqa: ARG002
        """The item at a place of the pool was chosen."""
        np.maximum(self.nearest, likeness, out=self.nearest)


@dataclass(slots=True, kw_only=True)
class Volume:
    """A determinantal point process: how little volume an item adds to that of the chosen ones.

    Attributes:
        left: float64 (n,), det S_{Y + i} ÷ det S_Y, from 1 down.
        factor: float64 (n, n), a row of the Cholesky factor for each chosen item, as many as `rank`.
        rank: chosen items that are no copies of others.
    """

    left: DoubleArray
    factor: DoubleArray
    rank: int = 0

    def penalty(self) -> DoubleArray:
        """float64 (n,), from 0 up."""
        return -np.log(np.maximum(self.left, FLOOR))

    def add(self, place: int, likeness: DoubleArray) -> None:
        """The item at a place of the pool was chosen; a copy of others adds no volume."""
        if self.left[place] <= FLOOR:
            return
        known = self.factor[: self.rank]
        row = (likeness - np.einsum("t,tn->n", known[:, place], known)) / np.sqrt(self.left[place])
        self.factor[self.rank] = row
        self.rank += 1
        self.left -= row * row


@dataclass(slots=True, kw_only=True)
class Pool:
    """The entries of one user that trade places for diversity.

    Attributes:
        entries: int64 (p,), ascending: by falling value.
        appeal: float64 (p,), (1 - strength) · value.
        gain: float64 (p,), appeal - strength · redundancy.
        vectors: float32 (p, d), unit rows.
        strength: weight of the redundancy.
        redundancy: what the entries taken so far say against each.
    """

    entries: LongArray
    appeal: DoubleArray
    gain: DoubleArray
    vectors: FloatArray
    strength: float
    redundancy: Redundancy

    @classmethod
    def of(cls, entries: LongArray, value: DoubleArray, vectors: FloatArray, config: DiversityConfig) -> "Pool":
        """Entries of which none was taken yet."""
        p = len(entries)
        appeal = (1 - config.strength) * value
        return cls(
            entries=entries,
            appeal=appeal,
            gain=appeal,
            vectors=vectors,
            strength=config.strength,
            redundancy=Nearest(nearest=np.zeros(p))
            if config.method == "mmr"
            else Volume(left=np.ones(p), factor=np.empty((p, p))),
        )

    def best(self, allowed: BoolArray) -> int:
        """The entry with the most gain of those allowed, bool (m,); -1 where none is of the pool."""
        if not len(self.entries):
            return -1
        gain = np.where(allowed[self.entries], self.gain, -np.inf)
        place = int(gain.argmax())
        return int(self.entries[place]) if gain[place] > -np.inf else -1

    def choice(self, allowed: BoolArray, value: DoubleArray) -> tuple[LongArray, DoubleArray]:
        """Entries that a policy may draw, and what they are worth: those of the pool as long as there are any.

        Args:
            allowed: bool (m,).
            value: float64 (m,), of entries outside the pool.
        """
        inside = allowed[self.entries]
        if inside.any():
            return self.entries[inside], self.gain[inside]
        entries = np.flatnonzero(allowed)
        return entries, value[entries]

    def add(self, entry: int) -> None:
        """An entry was taken; one outside the pool says nothing."""
        place = int(self.entries.searchsorted(entry))
        if place < len(self.entries) and self.entries[place] == entry:
            self.redundancy.add(place, likeness(self.vectors, place))
            self.gain = self.appeal - self.strength * self.redundancy.penalty()


def likeness(vectors: FloatArray, place: int) -> DoubleArray:
    """float64 (n,): (1 + cosine) / 2 of each of n unit vectors, float32 (n, d), with the one at a place.

    >>> likeness(np.array([[1, 0], [0, 1], [-1, 0]], np.float32), 0).tolist()
    [1.0, 0.5, 0.0]
    """
    # einsum, unlike BLAS, rounds alike whatever the number of threads
    return np.asarray(0.5 + 0.5 * np.einsum("id,d->i", vectors, vectors[place]), np.float64)
