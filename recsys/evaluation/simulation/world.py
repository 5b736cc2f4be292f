"""A made-up audience: who asks, what attracts them, which positions they look at."""

from dataclasses import dataclass, replace

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import BoolArray, DoubleArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The chance of a click, for every user and every list.

    An item at position j is clicked with probability

        examine[j] · Π_{l<j} (1 - cascade · attract[kind, a_l]) · attract[kind, a_j]

    the position-based model where cascade = 0 (Richardson et al. 2007), else one in which items above end the reading
    (Craswell et al. 2008). Given the user and the list, the clicks of different positions are independent.

    Users of one kind differ by habit: each has a uniform number for every position, drawn once, and with probability
    √icc a request is answered with those, else with fresh ones; a click is a number below its probability. So the
    probability of a click stays as above, and the rewards of two requests of one user who is shown the same list
    correlate by exactly `icc`, position by position and summed up. Between lists that differ they correlate less, and
    users of unlike kinds differ besides.

    Attributes:
        attract: float64 (kinds, n_items), P(click | examined).
        kind: int32 (n_users,), which row of `attract` is a user's.
        share: float64 (n_users,), P(a request is this user's); sums to 1.
        examine: float64 (positions,), P(examined), if nothing above ends the reading.
        cascade: which part of an item's attraction ends the reading, in [0, 1].
        icc: intra-cluster correlation, in [0, 1]; the cluster is the user.

    Raises:
        ShapeError: arrays that do not fit each other, or no probabilities.
    """

    attract: DoubleArray
    kind: IntArray
    share: DoubleArray
    examine: DoubleArray
    cascade: float = 0
    icc: float = 0

    def __post_init__(self) -> None:
        kinds, n_items = self.attract.shape
        fits = self.kind.shape == self.share.shape and len(self.examine) <= n_items
        if not fits or not len(self.kind) or self.kind.min() < 0 or self.kind.max() >= kinds:
            raise ShapeError(
                f"World: expected a kind below {kinds} and a share for each user, and at most {n_items} positions, got "
                f"kind {self.kind.shape}, share {self.share.shape}, examine {self.examine.shape}; make them fit."
            )
        chances = (self.attract, self.share, self.examine, np.array([self.cascade, self.icc]))
        if not all(_in_unit(each) for each in chances) or abs(self.share.sum() - 1) > 1e-9:
            raise ShapeError(
                f"World: expected probabilities in [0, 1] and shares that sum to 1, got shares of sum "
                f"{self.share.sum():.6g}, cascade {self.cascade} and icc {self.icc}; correct what is outside."
            )

    @classmethod
    def random(cls, *, n_users: int, n_items: int, positions: int, kinds: int = 2, seed: int = 0) -> "World":
        """One of middling attraction, half of it for all, half for a kind; position p is examined with p^-½."""
        rng = np.random.default_rng(seed)
        logit = -0.5 + 0.8 * rng.standard_normal(n_items) + 0.8 * rng.standard_normal((kinds, n_items))
        return cls(
            attract=1 / (1 + np.exp(-logit)),
            kind=rng.integers(kinds, size=n_users, dtype=np.int32),
            share=np.full(n_users, 1 / n_users),
            examine=np.arange(1, positions + 1, dtype=np.float64) ** -0.5,
        )

    @property
    def mix(self) -> DoubleArray:
        """float64 (kinds,): P(a request is a user's of this kind)."""
        return np.asarray(np.bincount(self.kind, weights=self.share, minlength=len(self.attract)), np.float64)

    def drawn(self, n_users: int, seed: int) -> "World":
        """Users drawn by their share, each as likely to ask: a sample of this world, whose truth is this world's."""
        chosen = self.users(n_users, np.random.default_rng(seed))
        return replace(self, kind=self.kind[chosen], share=np.full(n_users, 1 / n_users))

    def users(self, n: int, rng: np.random.Generator) -> IntArray:
        """int32 (n,): who asks."""
        ends = np.cumsum(self.share)
        return np.asarray(ends.searchsorted(rng.random(n) * ends[-1], side="right"), np.int32)

    def expected(self, kind: IntArray, item: IntArray) -> DoubleArray:
        """float64 (n, L): the probability of a click at every position, given the list; 0 where there is no item.

        Args:
            kind: int32 (n,).
            item: int32 (n, L), -1 where a list has ended.
        """
        attract = np.where(item < 0, 0, self.attract[kind[:, None], item])
        chance: DoubleArray = self.examine[: item.shape[1]] * self._read(attract) * attract
        return chance

    def _read(self, attract: DoubleArray) -> DoubleArray:
        """float64 (n, L): P(the reading has not ended above a position)."""
        read = np.ones_like(attract)
        np.cumprod(1 - self.cascade * attract[:, :-1], axis=1, out=read[:, 1:])
        return read


def _in_unit(values: DoubleArray) -> bool:
    inside: BoolArray = (values >= 0) & (values <= 1)
    return bool(inside.all())
