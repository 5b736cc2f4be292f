"""Every list there can be, with its probability: what is exact in small worlds."""

from dataclasses import dataclass
from itertools import permutations
from math import perm

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.simulation.policies import Valued
from recsys.schema import DoubleArray, IntArray, LongArray

MOST = 5_040
"""Lists that are enumerated, such as all of 7 items in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """All K ordered lists of L of the items.

    Attributes:
        item: int32 (K, L), in lexicographic order.
        n_items: how many items there are.
    """

    item: IntArray
    n_items: int

    @classmethod
    def of(cls, n_items: int, positions: int) -> "Orders":
        """Enumerated.

        Raises:
            ShapeError: too many.
        """
        if perm(n_items, positions) > MOST:
            raise ShapeError(
                f"Orders: expected at most {MOST} ordered lists, got {perm(n_items, positions)} of {positions} of "
                f"{n_items} items; take a smaller world, or a Monte Carlo value."
            )
        lists = list(permutations(range(n_items), positions))
        return cls(item=np.array(lists, np.int32).reshape(len(lists), positions), n_items=n_items)

    def probability(self, policy: Valued) -> DoubleArray:
        """float64 (kinds, K): of each list, for users of each kind."""
        kinds, k = len(policy.value), len(self.item)
        kind = np.repeat(np.arange(kinds, dtype=np.int32), k)
        chance: DoubleArray = policy.given(kind, np.tile(self.item, (kinds, 1))).prod(axis=1)
        return chance.reshape(kinds, k)

    def place(self, item: IntArray) -> LongArray:
        """int64 (n,): which row of `item` each of the lists int32 (n, L) is."""
        digits = self.n_items ** np.arange(self.item.shape[1])[::-1]
        return (self.item @ digits).searchsorted(item @ digits)
