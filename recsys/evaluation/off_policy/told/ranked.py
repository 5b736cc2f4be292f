"""Candidates of many requests side by side, and how likely each is the next of a list."""

from dataclasses import dataclass, replace

import numpy as np

from recsys.evaluation.off_policy.log.answers import picked
from recsys.ranking.config import DiversityConfig
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce, Policy
from recsys.ranking.relevance import between
from recsys.schema import BoolArray, DoubleArray, IntArray, LongArray

DEPTH = DiversityConfig().depth
"""Temperatures are in units of the distance between the first score and the one at this rank, as the service's are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Candidates of r requests, at most c each, best first; of equal scores the one that was told first.

    Attributes:
        policy: who draws.
        item: int32 (r, c), codes; -1 for an item that the log does not know, and where there is none.
        value: float64 (r, c), what is drawn from, falling; -inf where there is none.
        there: bool (r, c), whether there is a candidate.
    """

    policy: Policy
    item: IntArray
    value: DoubleArray
    there: BoolArray

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def of(cls, policy: Policy, indptr: LongArray, which: LongArray, item: IntArray, score: DoubleArray) -> "Ranked":
        """Of some of the lists of candidates.

        Args:
            policy: who draws.
            indptr: int64 (n + 1,), list i has the entries indptr[i]:indptr[i + 1].
            which: int64 (r,), the lists wanted.
            item: int32 (entries,), codes, -1 for one that the log does not know.
            score: float64 (entries,), finite.
        """
        _, entries = picked(indptr, which)
        sizes = np.diff(indptr)[which]
        there = np.arange(sizes.max(initial=0)) < sizes[:, None]
        items, scores = np.full(there.shape, -1, np.int32), np.full(there.shape, -np.inf)
        items[there], scores[there] = item[entries], score[entries]
        if (scores[:, 1:] > scores[:, :-1]).any():
            order = np.argsort(-scores, axis=1, kind="stable")
            items, scores = np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
        return cls(policy=policy, item=items, value=_values(scores, sizes, there), there=there)

    @property
    def sizes(self) -> LongArray:
        """int64 (r,), how many candidates each request has."""
        return np.asarray(self.there.sum(axis=1), np.int64)

    def take(self, which: LongArray | BoolArray) -> "Ranked":
        """Some of the requests."""
        return replace(self, item=self.item[which], value=self.value[which], there=self.there[which])

    def first(self, n: int) -> "Ranked":
        """The first n candidates of each request."""
        return replace(self, item=self.item[:, :n], value=self.value[:, :n], there=self.there[:, :n])

    def place(self, listed: IntArray) -> LongArray:
        """int64 (r, l): the column of each of the items int32 (r, l); -1 where it is no candidate, or below 0."""
        at = np.full(listed.shape, -1, np.int64)
        for j in range(listed.shape[1]):
            found = self.item == np.where(listed[:, j] < 0, -2, listed[:, j])[:, None]
            row = np.flatnonzero(found.any(axis=1))
            at[row, j] = found[row].argmax(axis=1)
        return at

    def chances(self, left: BoolArray) -> DoubleArray:
        """float64 (r, c): how likely each of the candidates `left`, bool (r, c), is the next; 0 where none is left."""
        match self.policy:
            case PlackettLuce():
                value = np.where(left, self.value, -np.inf)
                best = value.max(axis=1, keepdims=True, initial=-np.inf)
                best[np.isneginf(best)] = 0
                powers = np.exp((value - best) / self.policy.temperature)
                total = powers.sum(axis=1, keepdims=True)
                return np.asarray(np.divide(powers, total, out=powers, where=total > 0), np.float64)
            case EpsilonGreedy():
                some = np.maximum(left.sum(axis=1, keepdims=True), 1)
                chances: DoubleArray = left * (self.policy.epsilon / some)
                row = np.flatnonzero(left.any(axis=1))
                chances[row, left[row].argmax(axis=1)] += 1 - self.policy.epsilon
                return chances
            case _:
                return self._one_by_one(left)

    def _one_by_one(self, left: BoolArray) -> DoubleArray:
        chances = np.zeros(left.shape)
        for row in np.flatnonzero(left.any(axis=1)).tolist():
            chances[row, left[row]] = self.policy.chances(self.value[row, left[row]])
        return chances


def _values(scores: DoubleArray, sizes: LongArray, there: BoolArray) -> DoubleArray:
    """As `relevance` of each row."""
    if not scores.shape[1]:
        return scores
    last = np.take_along_axis(scores, np.clip(sizes, 1, DEPTH)[:, None] - 1, axis=1)
    with np.errstate(invalid="ignore"):  # a request without candidates: -inf - -inf
        return np.where(there, between(scores, best=scores[:, :1], last=last), -np.inf)
