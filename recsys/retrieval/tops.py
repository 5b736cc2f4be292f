"""The highest of many scores, and how many are higher: found by their bits, compiled."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.retrieval.compiled import compiled
from recsys.schema import BoolArray, DoubleArray, FloatArray, LongArray, WordArray

BitsArray: TypeAlias = npt.NDArray[np.int32] | npt.NDArray[np.int64]
"""Floats as integers."""

_BLOCK = 16


@compiled
def _nth(values: BitsArray, n: int) -> int:
    """The n-th largest, from 1, of values that may be put in another order (Hoare 1961)."""
    low, high = 0, len(values) - 1
    while low < high:
        pivot, left, right = values[(low + high) // 2], low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if n - 1 <= right:
            high = right
        elif n - 1 >= left:
            low = left
        else:
            break
    return int(values[n - 1])


@compiled
def _highest(bits: BitsArray, allowed: BoolArray, size: int, places: LongArray) -> int:
    """Put where the `size` highest of the allowed scores above 0 stand to the front of `places`, ascending; how many.

    Of floats above 0, the bits read as integers are in the same order. Each block's highest is found first: the
    size-th largest of these is a bar that at least `size` scores reach, and few others.
    """
    blocks = (len(bits) + _BLOCK - 1) // _BLOCK
    peaks = np.zeros(blocks, bits.dtype)
    for block in range(blocks):
        part, may = bits[block * _BLOCK : (block + 1) * _BLOCK], allowed[block * _BLOCK : (block + 1) * _BLOCK]
        peak = peaks[block]
        for at in range(len(part)):
            peak = max(peak, part[at] if may[at] else peak)
        peaks[block] = peak
    bar = 1 if blocks <= size else max(1, _nth(peaks.copy(), size))
    kept = 0
    for block in range(blocks):
        if peaks[block] >= bar:
            for at in range(block * _BLOCK, min((block + 1) * _BLOCK, len(bits))):
                if bits[at] >= bar and allowed[at]:
                    places[kept] = at
                    kept += 1
    return kept if kept <= size else _cut(bits, places[:kept], size)


@compiled
def _cut(bits: BitsArray, places: LongArray, size: int) -> int:
    """Leave the `size` highest, of equal ones those that stand first."""
    bar = _nth(bits[places], size)
    ties = size - np.sum(bits[places] > bar)
    kept = 0
    for place in places:
        if bits[place] > bar or (bits[place] == bar and ties > 0):
            ties -= bits[place] == bar
            places[kept] = place
            kept += 1
    return kept


@compiled
def _first(bits: BitsArray, size: int) -> LongArray:
    places = np.empty(len(bits), np.int64)
    kept = places[: _highest(bits, np.ones(len(bits), np.bool_), size, places)] if size > 0 else places[:0]
    return kept[np.argsort(-bits[kept], kind="mergesort")]


def highest(scores: FloatArray | DoubleArray, size: int) -> LongArray:
    """int64, where the `size` highest scores above 0 stand, the best first; of equal ones the one that stands first."""
    return _first(_bits(scores), size)


def propose(scores: FloatArray, allowed: BoolArray, sizes: LongArray, proposed: WordArray, best: FloatArray) -> None:
    """What each source proposes to users: the `highest` of its scores.

    Args:
        scores: float32 (n_sources, n, n_items).
        allowed: bool (n, n_items), items that may be proposed.
        sizes: int64, at least n_sources of them: how many items each proposes.
        proposed: uint16 (n, n_items): gets bit s where source s proposes the item.
        best: float32 (n, at least n_sources, at least the largest size): gets the scores of what each proposes, the
            best first.
    """
    _propose(_bits(scores), scores, allowed, sizes, proposed, best)


def _bits(scores: FloatArray | DoubleArray) -> BitsArray:
    return scores.view(np.int32) if scores.dtype == np.float32 else scores.view(np.int64)


@compiled
def _propose(
    bits: BitsArray,
    scores: FloatArray,
    allowed: BoolArray,
    sizes: LongArray,
    proposed: WordArray,
    best: FloatArray,
) -> None:
    places = np.empty(scores.shape[2], np.int64)
    for source in range(len(scores)):
        for user in range(scores.shape[1] if sizes[source] > 0 else 0):
            kept = _highest(bits[source, user], allowed[user], sizes[source], places)
            top = np.sort(scores[source, user][places[:kept]])
            for at in range(kept):
                proposed[user, places[at]] |= np.uint16(1 << source)
                best[user, source, at] = top[kept - 1 - at]


@compiled
def place(best: FloatArray, score: float) -> int:
    """How many of the best, float32, descending, are higher than a score."""
    low, high = 0, len(best)
    while low < high:
        middle = (low + high) // 2
        if best[middle] > score:
            low = middle + 1
        else:
            high = middle
    return low


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
                out[pair, source] = place(own, scores[pair, source])
