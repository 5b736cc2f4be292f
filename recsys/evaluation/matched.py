"""Pairs of an item a user took and one as popular that the user did not: what a score knows beyond popularity.

The AUC over all items rewards whoever guesses what sells. Here every positive is set against a negative that as many
users took in the very same window, so that nothing about an item alone, neither its past nor its trend, tells the two
apart: a score that does not know the user has .5 (the idea of popularity-matched negatives, as in Bellogín et al. 2011,
doi:10.1145/2043932.2043996, and Krichene & Rendle 2020, doi:10.1145/3394486.3403226, on sampled negatives).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.interactions import Interactions
from recsys.errors import ShapeError, SplitError
from recsys.evaluation.metrics import USER
from recsys.evaluation.truth import Truth
from recsys.schema import DoubleArray, FloatArray, Instant, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPairs:
    """m pairs, sorted by user.

    Attributes:
        user_idx: int32 (m,).
        positive: int32 (m,), an item the user took in the window and never before.
        negative: int32 (m,), an item the user took neither before nor in the window.
    """

    user_idx: IntArray
    positive: IntArray
    negative: IntArray

    def __len__(self) -> int:
        return len(self.user_idx)

    @classmethod
    def of(
        cls, interactions: Interactions, user_idx: IntArray, *, start: Instant, end: Instant, most: int, seed: int
    ) -> "MatchedPairs":
        """At most `most` pairs of each user, for what was taken in [start, end).

        The negative is the item nearest in the number of users who took it in the window, equals drawn by chance, each
        at most once a user.

        Raises:
            SplitError: nobody took anything new in the window.
        """
        rng = np.random.default_rng(seed)
        users = np.sort(user_idx)
        truth = Truth.of(interactions, users, start=start, end=end, target="new")
        touched = interactions.histories(users, as_of=end)
        popularity = takers(interactions, start, end)
        wanted = np.flatnonzero(popularity)
        rows = []
        for row in np.flatnonzero(truth.sizes):
            items = truth.item_idx[truth.indptr[row] : truth.indptr[row + 1]]
            own = touched.item_idx[touched.indptr[row] : touched.indptr[row + 1]]
            free = wanted[~np.isin(wanted, own)]
            for positive in rng.permutation(items)[: min(most, len(free))]:
                distance = np.abs(popularity[free] - popularity[positive]) + rng.random(len(free))
                nearest = int(distance.argmin())
                rows.append((users[row], positive, free[nearest]))
                free = np.delete(free, nearest)
        if not rows:
            raise SplitError("Expected users who take something new in the window, found none; bring a longer log.")
        user, positive, negative = np.array(rows, np.int32).T
        return cls(user_idx=user, positive=positive, negative=negative)

    def of_users(self, user_idx: IntArray) -> "MatchedPairs":
        """The pairs of some users."""
        keep = np.isin(self.user_idx, user_idx)
        return MatchedPairs(user_idx=self.user_idx[keep], positive=self.positive[keep], negative=self.negative[keep])

    def auc(self, positive: FloatArray | DoubleArray, negative: FloatArray | DoubleArray) -> pl.DataFrame:
        """user_idx and auc: the share of a user's pairs whose positive scores higher, a tie counting one half.

        Args:
            positive: (m,), scores of the pairs' positives.
            negative: (m,), scores of the pairs' negatives.

        Raises:
            ShapeError: other numbers of scores than pairs.
        """
        if positive.shape != (len(self),) or negative.shape != (len(self),):
            raise ShapeError(f"Expected {len(self)} scores of each kind, got {positive.shape} and {negative.shape}.")
        won = (positive > negative) + 0.5 * (positive == negative)
        return pl.DataFrame({USER: self.user_idx, "auc": won}).group_by(USER).agg(pl.col("auc").mean()).sort(USER)


def takers(interactions: Interactions, start: Instant, end: Instant) -> LongArray:
    """int64 (n_items,), users with a positive event in the window on each item."""
    taken = interactions.between(start, end).positives().events.select("user_idx", "item_idx").unique()
    return np.bincount(taken["item_idx"].to_numpy(), minlength=interactions.n_items)
