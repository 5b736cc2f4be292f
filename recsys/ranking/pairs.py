"""What the features of a block of users read: their histories, counted once, beside the candidates."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from recsys.data.contacts import is_contact
from recsys.data.interactions import Histories
from recsys.ranking import kernels
from recsys.ranking.counters import Counters, decay
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
        cls, taken: Histories, of_event: LongArray, of_pair: LongArray, *, items: ItemState, as_of: Instant
    ) -> "list[Tally]":
        """Count events by each kind of key, and look up the pairs' keys; all kinds at once, a request is short.

        Args:
            taken: the events.
            of_event: int64 (kinds, events), the events' keys, below len(taken) * len(items); below 0 where there is
                none.
            of_pair: int64 (kinds, m), the same of the pairs.
            items: says how events are forgotten.
            as_of: the instant they are counted at.
        """
        lives = np.array(items.half_lives, np.float64)[:, None]
        fresh = decay(taken.at, as_of=as_of, half_life=lives, day=items.day)
        weights = taken.weight.astype(np.float64) * fresh
        edges, keys, count, visits, decayed, first, last, places, found = kernels.tally(
            of_event, of_pair, taken.at, weights, len(taken) * len(items)
        )
        kinds = (slice(start, end) for start, end in pairwise(edges.tolist()))
        return [
            cls(
                counters=Counters(
                    keys=keys[own],
                    count=count[own],
                    visits=visits[own],
                    decayed=decayed[:, own],
                    first=first[own],
                    last=last[own],
                ),
                at=at,
                found=there,
            )
            for own, at, there in zip(kinds, places, found, strict=True)
        ]

    def __call__(self, values: DoubleArray | LongArray, missing: float = 0.0) -> DoubleArray:
        """float64 (m,): the pairs' entries of an array over keys."""
        return kernels.look_up(values, self.at, self.found, missing)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Users, items and what happened between them before `as_of`; what several features read is worked out once.

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
        likeness: float32 (LATEST, m), the highest text cosine to the user's last 1, 2, … items; NaN without a history.
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
        keys = _keys(taker, took, items), _keys(rows, item, items)
        users, own, by_category, by_brand = Tally.several(taken, *keys, items=items, as_of=as_of)
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
            own=own,
            by_category=by_category,
            by_brand=by_brand,
            places=candidates.places(),
            relative=candidates.relative(),
            likeness=_likeness(taken, candidates, vectors.vectors),
            interest=interest,
            traits=vectors.traits,
        )

    @cached_property
    def idle(self) -> DoubleArray:
        """float64 (n,): days since the user's last positive event; NaN without one."""
        return self.spread(self.age(self.users.counters.last), np.nan)

    @cached_property
    def gap(self) -> DoubleArray:
        """float64 (n,): mean days between two visits of the user; NaN for one who came once."""
        return self.spread(self._interval(self.users.counters), np.nan)

    @cached_property
    def own_idle(self) -> DoubleArray:
        """float64 (m,): days since the user last took the item; NaN if never."""
        return self.age(self.own(self.own.counters.last, -1))

    @cached_property
    def own_interval(self) -> DoubleArray:
        """float64 (m,): mean days between the user's takes of the item; NaN before the second."""
        return self.own(self._interval(self.own.counters), np.nan)

    @cached_property
    def recent(self) -> DoubleArray:
        """float64 (half-lives, m): decayed weight of the item's positive events, logarithm."""
        return self._fresh(self.items.decayed)

    @cached_property
    def newly(self) -> DoubleArray:
        """float64 (half-lives, m): decayed number of its first-time takers, logarithm."""
        return self._fresh(self.items.firsts)

    @cached_property
    def takers(self) -> DoubleArray:
        """float64 (m,): users who took the item."""
        return self.items.takers[self.candidates.item_idx]

    def spread(self, values: DoubleArray, missing: float = 0.0) -> DoubleArray:
        """float64 (n,): counters by user, `missing` for a user without positive events."""
        filled = np.full(len(self.taken), missing)
        filled[self.users.counters.keys] = values
        return filled

    def _interval(self, counters: Counters) -> DoubleArray:
        return kernels.interval(counters.first, counters.last, counters.visits, self.items.day)

    def _fresh(self, counter: DoubleArray) -> DoubleArray:
        return np.log(counter[:, self.candidates.item_idx] * self.fading[:, None] + 0.01)

    def age(self, at: LongArray | DoubleArray) -> DoubleArray:
        """Days from instants to `as_of`; NaN where there is no instant (< 0)."""
        return kernels.age(at, self.as_of, self.items.day)


LATEST = 5


def _keys(rows: LongArray, item: IntArray, items: ItemState) -> LongArray:
    """int64 (4, m): one key for each user row, alone and with the item, its category and its brand; -1 without one."""
    codes = np.stack([item, items.category[item], items.brand[item]])
    return np.concatenate([rows[None], np.where(codes < 0, np.int64(-1), rows * len(items) + codes)])


def _mean(values: DoubleArray, rows: LongArray, n: int) -> DoubleArray:
    """(n,): the mean of the values of each row, NaNs left out; NaN if none."""
    there = ~np.isnan(values)
    count = np.bincount(rows[there], minlength=n)
    return np.bincount(rows[there], values[there], minlength=n) / np.where(count > 0, count, np.nan)


def _likeness(taken: Histories, candidates: Candidates, vectors: FloatArray) -> FloatArray:
    likeness = np.full((LATEST, len(candidates.item_idx)), np.nan, np.float32)
    for row in range(len(candidates)):
        pairs = slice(candidates.indptr[row], candidates.indptr[row + 1])
        last = taken.item_idx[taken.indptr[row] : taken.indptr[row + 1]][-LATEST:][::-1]
        if len(last):
            # not a product of matrices: it may round a pair in a larger block otherwise
            likeness[: len(last), pairs] = np.einsum("id,kd->ki", vectors[candidates.item_idx[pairs]], vectors[last])
    return np.asarray(np.fmax.accumulate(likeness, axis=0), np.float32)
