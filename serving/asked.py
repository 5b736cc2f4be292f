"""Whose list is asked for, as of when, and of which items: what a request comes down to, over one bundle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.data.interactions import Histories
from recsys.ranking.explanation import Explanation
from recsys.ranking.features import FeatureTable
from recsys.ranking.policy import Exploration
from recsys.ranking.rules import permitted, unseen
from recsys.ranking.scored import Scored
from recsys.recommender import Recommendations, Recommender
from recsys.schema import BoolArray, Instant, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One user's request.

    Attributes:
        histories: one row, what the user did before `as_of`.
        as_of: the instant of the request.
        allowed: bool (n_items,) what filters leave; all items if None.
        exclude_seen: whether what the user took or turned down is left out; None: as the bundle was trained.
    """

    histories: Histories
    as_of: Instant
    allowed: BoolArray | None = None
    exclude_seen: bool | None = None
    unknown: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def less(self, *names: str) -> "Asked":
        """The same without something else."""
        return replace(self, without=(*self.without, *names))

    def recommend(self, way: Recommender, *, k: int, exploration: Exploration | None) -> Recommendations:
        """At most k items, best first."""
        return way.recommend(
            self.histories,
            k=k,
            as_of=self.as_of,
            allowed=self.allowed,
            exclude_seen=self.exclude_seen,
            exploration=exploration,
        )

    def rank(self, way: Recommender, items: IntArray, *, exploration: Exploration | None) -> Recommendations:
        """These items, best first."""
        return way.rank(self.histories, [items], as_of=self.as_of, exploration=exploration)

    def scored(self, way: Recommender, *, exploration: Exploration | None) -> Scored:
        """What such a list is chosen from."""
        return way.scored(
            self.histories,
            as_of=self.as_of,
            allowed=self.allowed,
            exclude_seen=self.exclude_seen,
            besides=None if exploration is None else exploration.besides,
        )

    def explain(self, way: Recommender, items: IntArray) -> Sequence[Explanation]:
        """Why each item has its score."""
        return way.explain(
            self.histories, items, as_of=self.as_of, allowed=self.allowed, exclude_seen=self.exclude_seen
        )

    def features(self, way: Recommender, items: IntArray) -> FeatureTable:
        """What the ranker reads about each item."""
        known = self.histories.before(self.as_of)
        pairs = way.retriever.score(known, [items], as_of=self.as_of, allowed=self._may(way))
        return way.features(known, pairs, as_of=self.as_of)

    def proposed(self, way: Recommender) -> IntArray:
        """int32 item_idx, ascending: the candidates."""
        found = way.proposed(self.histories, as_of=self.as_of, allowed=self.allowed, exclude_seen=self.exclude_seen)
        return np.concatenate([candidates.item_idx for candidates in found])

    def given(self, n_items: int) -> BoolArray:
        """Bool (n_items,): which items may be in a list that names them; whether they are available is its own."""
        fresh = unseen(self.histories, n_items) if self.exclude_seen else None
        kept: BoolArray = permitted(1, n_items, [self.allowed, fresh])[0]
        return kept

    def among(self, way: Recommender) -> IntArray:
        """int32 item_idx, ascending: all that may be in the list."""
        return np.flatnonzero(self._may(way)[0]).astype(np.int32)

    def _may(self, way: Recommender) -> BoolArray:
        known = self.histories.before(self.as_of)
        return way.snapshot.allowed(known, as_of=self.as_of, mask=self.allowed, exclude_seen=self.exclude_seen)
