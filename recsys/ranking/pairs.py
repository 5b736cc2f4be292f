"""What the features of a block of users read: their histories, counted once, beside the candidates."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.data.contacts import is_contact
from recsys.data.interactions import Histories
from recsys.ranking import kernels
from recsys.ranking.counters import decay
from recsys.ranking.state import ItemState
from recsys.retrieval.candidates import Candidates
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.traits import Trait
from recsys.schema import DoubleArray, FloatArray, Instant, LongArray

LATEST = 5


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Users, items and what happened between them before `as_of`; what several features read is worked out once.

    Attributes:
        as_of: the instant.
        items: the items' counters and attributes.
        candidates: the pairs.
        histories: all events of the users.
        taken: the positive ones.
        weights: float64 (half-lives, e), what is left of their weights.
        interest: float32 (m,), the encoder's probability that the user takes the item.
        vectors: the items' text vectors, and what task heads read in the texts.
    """

    as_of: Instant
    items: ItemState
    candidates: Candidates
    histories: Histories
    taken: Histories
    weights: DoubleArray
    interest: FloatArray
    vectors: ItemVectors

    @classmethod
    def of(
        cls,
        histories: Histories,
        candidates: Candidates,
        *,
        items: ItemState,
        vectors: ItemVectors,
        interest: FloatArray,
        as_of: Instant,
    ) -> "Pairs":
        """Read the histories."""
        taken, lives = histories.positives(), np.array(items.half_lives, np.float64)[:, None]
        return cls(
            as_of=as_of,
            items=items,
            candidates=candidates,
            histories=histories,
            taken=taken,
            weights=taken.weight.astype(np.float64) * decay(taken.at, as_of=as_of, half_life=lives, day=items.day),
            interest=interest,
            vectors=vectors,
        )

    @cached_property
    def rows(self) -> LongArray:
        """int64 (m,), the user row of each pair."""
        return self.candidates.rows

    @property
    def traits(self) -> tuple[Trait, ...]:
        """What task heads read in the items' texts."""
        return self.vectors.traits

    @cached_property
    def users(self) -> DoubleArray:
        """float64 (15, n): the columns of `user_features`, user by user; logarithms in place of decayed weights."""
        taken, items = self.taken, self.items
        users = np.empty((15, len(taken)))
        kernels.users(
            taken.indptr,
            taken.item_idx,
            taken.at,
            self.weights,
            self.histories.indptr,
            is_contact(self.histories),
            items.price,
            np.log1p(items.takers[taken.item_idx]),
            self.as_of,
            items.day,
            users,
        )
        users[1:4] = np.log1p(users[1:4])
        return users


def likeness(taken: Histories, candidates: Candidates, vectors: FloatArray) -> FloatArray:
    """float32 (LATEST, m): the highest text cosine to the user's last 1, 2, … items taken; NaN without a history."""
    likeness = np.full((LATEST, len(candidates.item_idx)), np.nan, np.float32)
    for row in range(len(candidates)):
        pairs = slice(candidates.indptr[row], candidates.indptr[row + 1])
        last = taken.item_idx[taken.indptr[row] : taken.indptr[row + 1]][-LATEST:][::-1]
        if len(last):
            # not a product of matrices: it may round a pair in a larger block otherwise
            likeness[: len(last), pairs] = np.einsum("id,kd->ki", vectors[candidates.item_idx[pairs]], vectors[last])
    return np.asarray(np.fmax.accumulate(likeness, axis=0), np.float32)
