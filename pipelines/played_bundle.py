"""A bundle as a policy of the simulator: its users ask, and get its lists."""

from dataclasses import dataclass

import numpy as np

from recsys.bundle import Bundle
from recsys.evaluation.simulation.policies import Shown
from recsys.ranking.policy import Exploration, Policy
from recsys.schema import IntArray

_BLOCK = 1024
"""Users that are answered at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedBundle:
    """A `Play` over a world whose items are the bundle's catalogue and whose users are those that the bundle knows.

    Every list is as of the bundle's end: what users click in a simulation is not posted to it.

    Attributes:
        bundle: whose lists.
        policy: who has the last word; `EpsilonGreedy(epsilon=0)` takes the best.
        k: items of a list; one is shorter where fewer are proposed.
    """

    bundle: Bundle
    policy: Policy
    k: int

    def __call__(self, user: IntArray, kind: IntArray, rng: np.random.Generator, /) -> Shown:
        """A list for each of int32 (n,) users, as the bundle numbers them; their kinds are not looked at."""
        del kind
        shape = len(user), self.k
        item, propensity = np.full(shape, -1, np.int32), np.ones(shape)
        for start in range(0, len(user), _BLOCK):
            rows = slice(start, start + _BLOCK)
            ids = [self.bundle.users.ids[n] for n in user[rows].tolist()]
            exploration = Exploration(policy=self.policy, sources=rng.spawn(len(ids)))
            found = self.bundle.recommender.recommend(
                self.bundle.histories(ids), k=self.k, as_of=self.bundle.end, exploration=exploration
            )
            sizes = np.diff(found.indptr)
            filled = np.arange(self.k) < sizes[:, None]
            item[rows][filled], propensity[rows][filled] = found.item_idx, found.propensity
        return Shown(item=item, propensity=propensity)
