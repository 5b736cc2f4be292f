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
from recsys.retrieval.compiled import compiled
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.products import along
from recsys.retrieval.traits import Trait
from recsys.schema import DoubleArray, FloatArray, Instant, IntArray, LongArray

LATEST = 5
"""Last items taken that a candidate may be like."""


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


def likeness(taken: Histories, candidates: Candidates, vectors: ItemVectors, out: FloatArray) -> None:
    """Put the highest text cosine to the user's last 1, 3, 5 items taken into float32 out (3, m); NaN without any."""
    if vectors.products is not None:
        _look_up(vectors.products, candidates.indptr, candidates.item_idx, taken.indptr, taken.item_idx, out)
        return
    each, every = np.full((LATEST, len(candidates.item_idx)), np.nan, np.float32), np.asarray(vectors.vectors)
    for back, said in enumerate(each, 1):
        there = np.diff(taken.indptr) >= back
        last = np.full(len(candidates), -1, np.int64)
        last[there] = taken.item_idx[taken.indptr[1:][there] - back]
        along(every, candidates.indptr, candidates.item_idx, every, last, said)
    out[:] = np.fmax.accumulate(each, axis=0)[::2]


@compiled
def _look_up(
    products: FloatArray, starts: LongArray, items: IntArray, took_starts: LongArray, took: IntArray, out: FloatArray
) -> None:
    """The same, of products that are known, float32 (n_items, n_items)."""
    for user in range(len(starts) - 1):
        first, end = np.uint64(starts[user]), np.uint64(starts[user + 1])
        for back in range(LATEST):
            row = out[(back + 1) // 2]
            if back == 0:
                row[first:end] = np.nan
            elif back % 2 == 1:
                row[first:end] = out[back // 2, first:end]
            if took_starts[user + 1] - took_starts[user] > back:
                said = products[took[took_starts[user + 1] - 1 - back]]
                for pair in range(first, end):
                    value = said[np.uint64(items[pair])]
                    if np.isnan(row[pair]) or value > row[pair]:
                        row[pair] = value
