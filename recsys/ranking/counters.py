"""Counting with forgetting: an event counts 1 when it happens and half as much one half-life later."""

from dataclasses import dataclass

import numpy as np

from recsys.schema import DoubleArray, Instant, LongArray


def decay(at: LongArray | Instant, *, as_of: Instant, half_life: float | DoubleArray, day: Instant) -> DoubleArray:
    """2^(-age / half-life), float64, of instants in µs; half-lives in days, as numpy broadcasts. Never above 1."""
    age = np.maximum(as_of - np.asarray(at, np.int64), 0) / day
    return np.asarray(np.exp2(-age / half_life), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Counters of keyed events as of an instant.

    Attributes:
        keys: int64 (k,), distinct, ascending.
        count: float64 (k,), events.
        visits: float64 (k,), distinct instants.
        decayed: float64 (half-lives, k), decayed sums of weights.
        first: int64 (k,), µs.
        last: int64 (k,), µs.
    """

    keys: LongArray
    count: DoubleArray
    visits: DoubleArray
    decayed: DoubleArray
    first: LongArray
    last: LongArray

    @classmethod
    def of(
        cls,
        keys: LongArray,
        at: LongArray,
        weight: DoubleArray,
        *,
        as_of: Instant,
        half_lives: tuple[float, ...],
        day: Instant,
    ) -> "Counters":
        """Count events given by key; a key's events must come in order of time."""
        order = np.argsort(keys, kind="stable")
        key, when = keys[order], at[order]
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = key[1:] != key[:-1]
        visit = fresh.copy()
        visit[1:] |= when[1:] != when[:-1]
        starts = np.flatnonzero(fresh)
        ends = np.append(starts, len(order))[1:]
        lives = np.array(half_lives, np.float64)[:, None]
        weights = weight[order] * decay(when, as_of=as_of, half_life=lives, day=day)
        return cls(
            keys=key[starts],
            count=(ends - starts).astype(np.float64),
            visits=np.add.reduceat(visit, starts, dtype=np.float64),
            decayed=np.add.reduceat(weights, starts, axis=1),
            first=when[starts],
            last=when[ends - 1],
        )
