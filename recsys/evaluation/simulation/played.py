"""What was shown and clicked: a log whose truth is known."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.simulation.policies import Play
from recsys.evaluation.simulation.world import World
from recsys.schema import DoubleArray, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """n requests and their lists of at most L positions; `flat` and `indptr` make them the rows of a log.

    Attributes:
        user: int32 (n,), who asked.
        kind: int32 (n,), of which kind they are.
        item: int32 (n, L), -1 where a list has ended.
        propensity: float64 (n, L), P(this item at this position | the items above it) of the policy that was played.
        reward: float64 (n, L), 1 for a click, else 0.
    """

    user: IntArray
    kind: IntArray
    item: IntArray
    propensity: DoubleArray
    reward: DoubleArray

    @property
    def indptr(self) -> LongArray:
        """int64 (n + 1,): request r holds the rows indptr[r]:indptr[r + 1]."""
        return np.concatenate(([0], np.cumsum((self.item >= 0).sum(axis=1)))).astype(np.int64)

    @property
    def cluster(self) -> IntArray:
        """int32 (n,): the users as codes without gaps."""
        return np.unique(self.user, return_inverse=True)[1].astype(np.int32)

    def flat(self, matrix: DoubleArray) -> DoubleArray:
        """float64 (m,): of a float64 (n, L), the entries where there is an item, request by request."""
        return matrix[self.item >= 0]


def simulate(world: World, policy: Play, n_requests: int, seed: int) -> Played:
    """Play a policy; the same arguments give the same log, and two policies with one seed meet the same users.

    Raises:
        ShapeError: the policy's lists are not one for each request, or longer than the world has positions.
    """
    asking, drawing, clicking = np.random.default_rng(seed).spawn(3)
    user = world.users(n_requests, asking)
    kind = world.kind[user]
    shown = policy(user, kind, drawing)
    size = shown.item.shape
    if size[0] != n_requests or size[1] > len(world.examine) or shown.propensity.shape != size:
        raise ShapeError(
            f"simulate: expected {n_requests} lists of at most {len(world.examine)} positions with their propensities, "
            f"got items {size} and propensities {shown.propensity.shape}; shorten the policy's lists."
        )
    shape = n_requests, len(world.examine)
    habit, fresh = clicking.random((len(world.kind), shape[1])), clicking.random(shape)
    usual = clicking.random((n_requests, 1)) < np.sqrt(world.icc)
    number = np.where(usual, habit[user], fresh)[:, : size[1]]
    reward = (number < world.expected(kind, shown.item)).astype(np.float64)
    return Played(user=user, kind=kind, item=shown.item, propensity=shown.propensity, reward=reward)
