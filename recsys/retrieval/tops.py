"""The highest of many scores, and how many are higher: found by their bits, compiled."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.retrieval.compiled import compiled
from recsys.schema import BoolArray, DoubleArray, FloatArray, LongArray, WordArray

BitsArray: TypeAlias = npt.NDArray[np.int32] | npt.NDArray[np.int64]
"""Floats as integers."""

_GROUP = 16


@compiled
def _bar(values: BitsArray, n: int, size: int) -> int:
    """A bar above 0 that at least `size` of the first n values reach: where it can be, so high that no more do.

    1 where fewer than `size` are above 0.
    """
    end, low, high = np.uint64(n), np.int64(1), np.int64(1)
    for at in range(end):
        high = max(high, np.int64(values[at]) + 1)
    while high - low > 1:
        middle, reached = low + (high - low) // 2, 0
        for at in range(end):
            reached += values[at] >= middle
        if reached < size:
            high = middle
        else:
            low = middle
            if reached == size:
                break
    return int(low)


@compiled
def _highest(bits: BitsArray, size: int, peaks: BitsArray, met: LongArray, places: LongArray) -> int:
    """Put where the `size` highest of scores above 0 stand to the front of `places`, ascending; how many.

    Of floats above 0, the bits read as integers are in the same order. The scores are dealt out to groups, one after
    the other, and each group's highest is found first: a bar that at least `size` of these reach, few others reach.

    Args:
        bits: of the scores; 0 of those that are not allowed.
        size: how many, from 1.
        peaks: room for as many as there are scores, of their type.
        met: room for as many.
        places: room for as many.
    """
    many = (len(bits) + _GROUP - 1) // _GROUP
    n, groups = np.uint64(len(bits)), np.uint64(many)
    for at in range(groups):
        peaks[at] = bits[at]
    for start in range(groups, n, groups):
        for at in range(start, min(start + groups, n)):
            peaks[at - start] = max(peaks[at - start], bits[at])
    bar = _bar(peaks, many, size) if many > size else 1
    found, kept = 0, 0
    for group in range(groups):
        met[found] = group
        found += peaks[group] >= bar
    for start in range(np.uint64(0), n, groups):
        for which in range(np.uint64(found)):
            item = start + np.uint64(met[which])
            if item < n:
                places[np.uint64(kept)] = item
                kept += bits[item] >= bar
    return kept if kept <= size else _cut(bits, places, kept, size, peaks)


@compiled
def _cut(bits: BitsArray, places: LongArray, n: int, size: int, room: BitsArray) -> int:
    """Leave the `size` highest of the first n places, of equal ones those that stand first."""
    for at in range(n):
        room[at] = bits[places[at]]
    bar, ties, kept = _bar(room, n, size), size, 0
    for at in range(n):
        ties -= room[at] > bar
    for at in range(n):
        equal = room[at] == bar and ties > 0
        ties -= equal
        places[kept] = places[at]
        kept += room[at] > bar or equal
    return kept


@compiled
def first(bits: BitsArray, size: int) -> LongArray:
    """What `highest` gives, of the bits of scores."""
    places = np.empty(len(bits), np.int64)
    if size <= 0 or len(bits) == 0:
        return places[:0]
    kept = places[: _highest(bits, size, np.empty_like(bits), np.empty_like(places), places)]
    return kept[np.argsort(-bits[kept], kind="mergesort")]


def highest(scores: FloatArray | DoubleArray, size: int) -> LongArray:
    """int64, where the `size` highest scores above 0 stand, the best first; of equal ones the one that stands first."""
    return first(_bits(scores), size)


def propose(scores: FloatArray, allowed: BoolArray, sizes: LongArray, proposed: WordArray, best: FloatArray) -> None:
    """What each source proposes to users: the `highest` of its scores.

    Args:
        scores: float32 (n_sources, n, n_items).
        allowed: bool (n, n_items), items that may be proposed.
        sizes: int64, at least n_sources of them: how many items each proposes.
        proposed: uint16 (n, n_items): gets bit s where source s proposes the item.
        best: float32 (n, at least n_sources, at least the largest size), -inf: gets the scores of what each proposes,
            the best first.
    """
    _propose(_bits(scores), allowed, sizes, proposed, _bits(best))
    best *= -1  # sorted by numpy, which is faster at it
    best.sort(axis=2)
    best *= -1


def _bits(scores: FloatArray | DoubleArray) -> BitsArray:
    return scores.view(np.int32) if scores.dtype == np.float32 else scores.view(np.int64)


@compiled
def _propose(bits: BitsArray, allowed: BoolArray, sizes: LongArray, proposed: WordArray, best: BitsArray) -> None:
    n_items = bits.shape[2]
    places, met = np.empty((2, n_items), np.int64)
    own, peaks = np.empty((2, n_items), bits.dtype)
    for user in range(bits.shape[1]):
        may, every = allowed[user], allowed[user].all()
        for source in range(len(bits)):
            if sizes[source] > 0 and n_items > 0:
                said = bits[source, user]
                if not every:
                    for at in range(n_items):
                        own[at] = said[at] if may[at] else 0
                    said = own
                kept = _highest(said, sizes[source], peaks, met, places)
                for at in range(kept):
                    proposed[user, places[at]] |= np.uint16(1 << source)
                    best[user, source, at] = said[places[at]]


@compiled
def place(best: FloatArray, depth: int, score: float) -> int:
    """How many of the first `depth` of the best, descending, are higher than a score; no branch is to be foretold."""
    low, left = 0, depth
    while left > 1:
        half = left // 2
        low += half if best[np.uint64(low + half - 1)] > score else 0
        left -= half
    return low + 1 if left == 1 and best[np.uint64(low)] > score else low


@compiled
def places(scores: FloatArray, best: FloatArray, indptr: LongArray, out: LongArray) -> None:
    """Put how many of a user's `best` are higher than each score into int64 out (m, n_sources).

    Args:
        scores: float32 (m, n_sources), of the pairs of n users.
        best: float32 (n, n_sources, depth), descending.
        indptr: int64 (n + 1,), the pairs of user u are indptr[u]:indptr[u + 1].
        out: int64 (m, n_sources).
    """
    for user in range(len(best)):
        for source in range(scores.shape[1]):
            own = best[user, source]
            for pair in range(indptr[user], indptr[user + 1]):
                out[pair, source] = place(own, len(own), scores[pair, source])
