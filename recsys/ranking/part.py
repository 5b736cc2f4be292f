"""What some users add to the counters of the items."""

from dataclasses import dataclass

import numpy as np

from recsys.data.contacts import contacts
from recsys.data.interactions import Histories
from recsys.ranking.counters import Counters, decay
from recsys.schema import DoubleArray, Instant, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What some users add to the counters of `ItemState`."""

    decayed: DoubleArray
    firsts: DoubleArray
    takes: DoubleArray
    takers: DoubleArray
    repeaters: DoubleArray
    met: DoubleArray
    spans: DoubleArray
    gaps: DoubleArray

    @classmethod
    def of(cls, histories: Histories, n: int, as_of: Instant, day: Instant, half_lives: tuple[float, ...]) -> "Part":
        """What these users add to the counters of n items; arguments as the attributes of `ItemState`."""
        met, taken = contacts(histories), histories.positives()
        weight = taken.weight.astype(np.float64)
        pairs = Counters.of(taken.rows * n + taken.item_idx, taken.at, weight, as_of=as_of, half_lives=(), day=day)
        item = pairs.keys % n

        def decayed(items: LongArray | IntArray, at: LongArray, weights: DoubleArray | float) -> DoubleArray:
            fresh = [decay(at, as_of=as_of, half_life=h, day=day) * weights for h in half_lives]
            return np.array([_count(items, n, w) for w in fresh]).reshape(len(half_lives), n)

        return cls(
            decayed=decayed(taken.item_idx, taken.at, weight),
            firsts=decayed(item, pairs.first, 1.0),
            takes=_count(taken.item_idx, n),
            takers=_count(item, n),
            repeaters=_count(item[pairs.visits > 1], n),
            met=_count(met.item_idx, n),
            spans=_count(item, n, (pairs.last - pairs.first) / day),
            gaps=_count(item, n, pairs.visits - 1),
        )


def _count(items: LongArray | IntArray, n: int, weights: DoubleArray | None = None) -> DoubleArray:
    return np.bincount(items, weights, minlength=n).astype(np.float64)
