"""What the features of a block of users read: their histories, counted once, beside the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.data.contacts import is_contact
from recsys.data.interactions import Histories
from recsys.ranking.counters import Counters
from recsys.ranking.state import ItemState
from recsys.retrieval.candidates import Candidates
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.traits import Trait
from recsys.schema import BoolArray, DoubleArray, FloatArray, Instant, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counters looked up for each pair.

    Attributes:
        counters: of the keyed events.
        at: int64 (m,), where in the counters a pair's key is.
        found: bool (m,), False where it is not there.
    """

    counters: Counters
    at: LongArray
    found: BoolArray

    @classmethod
    def several(
        cls, taken: Histories, keys: Sequence[tuple[LongArray, LongArray]], *, items: ItemState, as_of: Instant
    ) -> "list[Tally]":
        """Count events by each kind of key, and look up the pairs' keys; all kinds at once, a request is short.

        Args:
            taken: the events.
            keys: for each kind one key for each event and one for each pair, below len(taken) * len(items); a key
                below 0 is none.
            items: says how events are forgotten.
            as_of: the instant they are counted at.
        """
        span = len(taken) * len(items)
        of_event, of_pair = (np.stack(side) for side in zip(*keys, strict=True))
        kind, event = np.nonzero(of_event >= 0)
        counters = Counters.of(
            of_event[kind, event] + kind * span,
            taken.at[event],
            taken.weight[event].astype(np.float64),
            as_of=as_of,
            half_lives=items.half_lives,
            day=items.day,
        )
        starts = np.arange(len(keys))[:, None] * span
        at, found = counters.find(of_pair + starts)
        found &= of_pair >= 0
        edges = np.append(0, np.searchsorted(counters.keys, np.ravel(starts) + span))
        return [
            cls(counters=counters.part(first, last, less=n * span), at=np.where(there, place - first, 0), found=there)
            for n, (first, last, place, there) in enumerate(zip(edges[:-1], edges[1:], at, found, strict=True))
        ]

    def __call__(self, values: DoubleArray | LongArray, missing: float = 0.0) -> DoubleArray:
        """float64 (m,): the pairs' entries of an array over keys."""
        if not len(values):
            return np.full(len(self.at), missing)
        return np.where(self.found, values[self.at], missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Users, items and what happened between them before `as_of`.

    Attributes:
        as_of: the instant.
        items: the items' counters and attributes.
        candidates: the pairs.
        rows: int64 (m,), the user row of each pair.
        taken: positive events.
        n_met: float64 (n,), events that take an item or turn it down.
        price: float64 (n,), mean price of the user's takes; NaN if none has one.
        popular: float64 (n,), mean logarithm of 1 + the takers of the items taken; NaN if none.
        fading: float64 (half-lives,), what is left of the items' decayed counters at `as_of`.
        users: counters by user, n of them, found or not.
        own: counters by user and item.
        by_category: counters by user and category.
        by_brand: counters by user and brand.
        places: int64 (m, n_sources), `Candidates.places`.
        relative: float32 (m, n_sources), `Candidates.relative`.
        likeness: float32 (m, LATEST), text cosine to the user's last items, the last first; NaN where there are fewer.
        interest: float32 (m,).
        traits: what task heads read in the items' texts.
    """

    as_of: Instant
    items: ItemState
    candidates: Candidates
    rows: LongArray
    taken: Histories
    n_met: DoubleArray
    price: DoubleArray
    popular: DoubleArray
    fading: DoubleArray
    users: Tally
    own: Tally
    by_category: Tally
    by_brand: Tally
    places: LongArray
    relative: FloatArray
    likeness: FloatArray
    interest: FloatArray
    traits: tuple[Trait, ...]

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
        """Count the histories by user, item, category and brand."""
        taken, rows, item = histories.positives(), candidates.rows, candidates.item_idx
        taker, took = taken.rows, taken.item_idx

        def by(code: IntArray) -> tuple[LongArray, LongArray]:
            return _keys(taker, code[took], len(items)), _keys(rows, code[item], len(items))

        own = _keys(taker, took, len(items)), _keys(rows, item, len(items))
        keys = [(taker, rows), own, by(items.category), by(items.brand)]
        users, own_tally, by_category, by_brand = Tally.several(taken, keys, items=items, as_of=as_of)
        return cls(
            as_of=as_of,
            items=items,
            candidates=candidates,
            rows=rows,
            taken=taken,
            n_met=np.bincount(histories.rows[is_contact(histories)], minlength=len(taken)).astype(np.float64),
            price=_mean(items.price[took], taker, len(taken)),
            popular=_mean(np.log1p(items.takers[took]), taker, len(taken)),
            fading=items.fading(as_of),
            users=users,
            own=own_tally,
            by_category=by_category,
            by_brand=by_brand,
            places=candidates.places(),
            relative=candidates.relative(),
            likeness=_likeness(taken, candidates, vectors.vectors),
            interest=interest,
            traits=vectors.traits,
        )

    def age(self, at: LongArray | DoubleArray) -> DoubleArray:
        """Days from instants to `as_of`; NaN where there is no instant (< 0)."""
        return np.where(at < 0, np.nan, np.maximum(self.as_of - at, 0) / self.items.day)


LATEST = 5


def _keys(rows: LongArray, code: IntArray, size: int) -> LongArray:
    """One key for each user row and code in [0, size); -1 where there is no code."""
    return np.where(code < 0, np.int64(-1), rows * size + code)


def _mean(values: DoubleArray, rows: LongArray, n: int) -> DoubleArray:
    """(n,): the mean of the values of each row, NaNs left out; NaN if none."""
    there = ~np.isnan(values)
    count = np.bincount(rows[there], minlength=n)
    return np.bincount(rows[there], values[there], minlength=n) / np.where(count > 0, count, np.nan)


def _likeness(taken: Histories, candidates: Candidates, vectors: FloatArray) -> FloatArray:
    likeness = np.full((len(candidates.item_idx), LATEST), np.nan, np.float32)
    for row in range(len(candidates)):
        pairs = slice(candidates.indptr[row], candidates.indptr[row + 1])
        last = taken.item_idx[taken.indptr[row] : taken.indptr[row + 1]][-LATEST:][::-1]
        if len(last):
            rows = vectors[candidates.item_idx[pairs]]
            for place, item in enumerate(last):
                likeness[pairs, place] = np.einsum("id,d->i", rows, vectors[item])
    return likeness
