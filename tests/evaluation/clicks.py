"""Users who click what they like where they look, shown lists of a better and a worse ranking."""

from dataclasses import dataclass

import numpy as np

from recsys.evaluation.interleave import InterleavedClicks
from recsys.evaluation.sensitivity import Rewards
from recsys.ranking.interleaving import Interleaved, probabilistic, team_draft
from recsys.schema import DoubleArray, IntArray

K = 5
LOOKED_AT = np.array([0.9, 0.6, 0.4, 0.3, 0.2])
ITEMS = 12
WAYS = {"team-draft": team_draft, "probabilistic": probabilistic}


@dataclass(frozen=True)
class World:
    """Requests of users, some of whom click more than others.

    Attributes:
        user_idx: int32 (n,).
        liked: float64 (n, items), P(click | looked at).
        first, second: int32 (n, items), rankings.
    """

    user_idx: IntArray
    liked: DoubleArray
    first: IntArray
    second: IntArray

    @classmethod
    def of(cls, n: int, rng: np.random.Generator, *, noise: tuple[float, float], each: int = 3) -> "World":
        """Each user has `each` requests; rankings are by liking and that much noise."""
        user = np.repeat(np.arange(-(-n // each), dtype=np.int32), each)[:n]
        eager = rng.beta(1, 1, int(user.max(initial=0)) + 1)[user]
        liked = rng.beta(1, 3, (n, ITEMS))
        ranks = [np.argsort(-(liked + rng.normal(0, s, liked.shape)), axis=1).astype(np.int32) for s in noise]
        return cls(user_idx=user, liked=liked * eager[:, None], first=ranks[0], second=ranks[1])

    def swapped(self, rng: np.random.Generator) -> "World":
        """The two rankings change places in each request by a coin: other lists, yet none is better."""
        first, second = self.first, self.second
        heads = rng.random((len(first), 1)) < 0.5
        return World(
            user_idx=self.user_idx,
            liked=self.liked,
            first=np.where(heads, first, second),
            second=np.where(heads, second, first),
        )

    def interleaved(self, way: str, rng: np.random.Generator) -> InterleavedClicks:
        """Clicks in lists of both."""
        lists: list[Interleaved] = [WAYS[way](a, b, k=K, rng=rng) for a, b in zip(self.first, self.second, strict=True)]
        items = np.array([one.item_idx for one in lists]).reshape(len(lists), K)
        return InterleavedClicks(
            user_idx=self.user_idx,
            indptr=np.arange(len(lists) + 1, dtype=np.int64) * K,
            first=np.concatenate([np.zeros(0), *(one.first for one in lists)]),
            clicked=self._clicked(items, rng).ravel(),
        )

    def alone(self, ranking: IntArray, rng: np.random.Generator) -> Rewards:
        """Clicks in one ranking's own lists."""
        clicks = self._clicked(ranking[:, :K], rng).sum(axis=1).astype(np.float64)
        return Rewards(user_idx=self.user_idx, reward=clicks)

    def _clicked(self, items: IntArray, rng: np.random.Generator) -> np.ndarray:
        return rng.random(items.shape) < np.take_along_axis(self.liked, items, axis=1) * LOOKED_AT
