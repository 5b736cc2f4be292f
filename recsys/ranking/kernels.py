"""The inner loops of the features, compiled."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.retrieval.compiled import compiled
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

BitsArray: TypeAlias = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
"""A bit for each leaf of a tree, the leftmost the lowest."""

_ROWS = 256
"""Rows whose columns are read tree by tree: as many as a processor keeps at hand."""

_NOTHING = np.float32(1e-35)
"""LightGBM takes numbers no larger for 0."""


@compiled
def tally(
    of_event: LongArray, of_pair: LongArray, at: LongArray, weights: DoubleArray, span: int
) -> tuple[LongArray, LongArray, DoubleArray, DoubleArray, DoubleArray, LongArray, LongArray, LongArray, BoolArray]:
    """Count events by several kinds of keys, and look up pairs' keys.

    Args:
        of_event: int64 (kinds, e), keys below `span`, below 0 where there is none; a key's events in order of time.
        of_pair: int64 (kinds, m), the same of the pairs.
        at: int64 (e,), instants.
        weights: float64 (half-lives, e), what each event weighs by now.
        span: above every key.

    Returns:
        int64 (kinds + 1,) where each kind begins in what follows: keys (k,), ascending by kind, count, visits,
        decayed (half-lives, k), first and last, as `Counters` has them; then int64 (kinds, m) where among its kind's a
        pair's key is, 0 where it is not there, and bool (kinds, m) whether it is.
    """
    kinds, n_events = of_event.shape
    room = kinds * n_events
    edges, keys = np.zeros(kinds + 1, np.int64), np.empty(room, np.int64)
    count, visits, decayed = np.zeros(room), np.zeros(room), np.zeros((len(weights), room))
    first, last = np.zeros(room, np.int64), np.zeros(room, np.int64)
    where, found = np.zeros(of_pair.shape, np.int64), np.zeros(of_pair.shape, np.bool_)
    place = np.empty(span, np.int64)
    for kind in range(kinds):
        place[:] = -1
        for event in range(n_events):
            if of_event[kind, event] >= 0:
                place[of_event[kind, event]] = 0
        start = end = edges[kind]
        for key in range(span):
            if place[key] == 0:
                place[key], keys[end] = end, key
                end += 1
        edges[kind + 1] = end
        for event in range(n_events):
            if of_event[kind, event] >= 0:
                own = place[of_event[kind, event]]
                if count[own] == 0:
                    first[own] = at[event]
                if count[own] == 0 or last[own] != at[event]:
                    visits[own] += 1
                count[own] += 1
                last[own] = at[event]
                for life in range(len(weights)):
                    decayed[life, own] += weights[life, event]
        for pair in range(of_pair.shape[1]):
            key = of_pair[kind, pair]
            if key >= 0 and place[key] >= 0:
                where[kind, pair], found[kind, pair] = place[key] - start, True
    k = edges[-1]
    return edges, keys[:k], count[:k], visits[:k], decayed[:, :k], first[:k], last[:k], where, found


@compiled
def share(part: DoubleArray, whole: DoubleArray) -> DoubleArray:
    """float64 (m,): part / whole, NaN where there is nothing."""
    out = np.full(len(part), np.nan)
    for at in range(len(part)):
        if whole[at] > 0:
            out[at] = part[at] / whole[at]
    return out


@compiled
def age(at: LongArray | DoubleArray, as_of: int, day: int) -> DoubleArray:
    """float64 (m,): days from instants to `as_of`, at least 0; NaN where there is no instant (< 0)."""
    out = np.full(len(at), np.nan)
    for place in range(len(at)):
        if not at[place] < 0:
            passed = as_of - at[place]
            out[place] = 0 if passed < 0 else passed / day
    return out


@compiled
def interval(first: LongArray, last: LongArray, visits: DoubleArray, day: int) -> DoubleArray:
    """float64 (k,): mean days between two visits; NaN before the second."""
    out = np.full(len(first), np.nan)
    for key in range(len(first)):
        if visits[key] > 1:
            out[key] = (last[key] - first[key]) / day / (visits[key] - 1)
    return out


@compiled
def look_up(values: DoubleArray | LongArray, at: LongArray, found: BoolArray, missing: float) -> DoubleArray:
    """float64 (m,): values[at] where found."""
    out = np.full(len(at), missing)
    for place in range(len(at)):
        if found[place]:
            out[place] = values[at[place]]
    return out


@compiled
def walk(
    values: FloatArray,
    starts: LongArray,
    feature: IntArray,
    threshold: FloatArray,
    strays_left: BoolArray,
    kept: BitsArray,
    leaves: DoubleArray,
    rotation: BitsArray,
    out: DoubleArray,
) -> None:
    """Put the sum of what trees say of each of the rows, float32 (m, F), into float64 out (m,); by `forest.Forest`."""
    block, shift = min(len(values), _ROWS), 27 if leaves.shape[1] == 32 else 58
    columns, possible = np.empty((values.shape[1], block), np.float32), np.empty(block, kept.dtype)
    for first in range(0, len(values), _ROWS):
        own = out[first : first + _ROWS]
        size = len(own)
        own[:] = 0
        for row in range(size):
            for column in range(values.shape[1]):
                value = values[first + row, column]
                columns[column, row] = 0 if abs(value) <= _NOTHING else value
        for tree in range(len(leaves)):
            possible[:] = -1
            for split in range(starts[tree], starts[tree + 1]):
                column, bar, right = columns[feature[split]], threshold[split], kept[split]
                if strays_left[split]:
                    for row in range(size):
                        possible[row] = possible[row] & right if column[row] > bar else possible[row]
                else:
                    for row in range(size):
                        possible[row] = possible[row] if column[row] <= bar else possible[row] & right
            for row in range(size):
                possible[row] = (possible[row] & -possible[row]) * rotation[0]
                own[row] += leaves[tree, possible[row] >> shift]
