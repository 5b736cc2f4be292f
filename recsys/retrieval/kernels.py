"""The inner loops of a request, compiled: one pass where numpy and scipy take several. The only file with numba.

Each adds up in a fixed order, so that what one user gets does not depend on the others.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np
from numba import njit

from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray, WordArray

P = ParamSpec("P")
R = TypeVar("R")


def _compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The loop as machine code, kept beside this file or in the user's cache folder."""
    try:
        return njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # nowhere to keep it: every process compiles its own
        return njit(nogil=True)(loop)


@_compiled
def spread(
    weight_starts: IntArray,
    weight_columns: IntArray,
    weights: FloatArray,
    starts: IntArray,
    columns: IntArray,
    values: FloatArray,
    out: FloatArray,
) -> None:
    """Add to float32 out (n, n_columns) the product of two float32 CSR matrices, given by their parts."""
    for user in range(len(weight_starts) - 1):
        for at in range(weight_starts[user], weight_starts[user + 1]):
            row, weight = weight_columns[at], weights[at]
            for entry in range(starts[row], starts[row + 1]):
                out[user, columns[entry]] += weight * values[entry]


@_compiled
def spread_rows(
    weight_starts: IntArray, weight_columns: IntArray, weights: FloatArray, rows: FloatArray, out: FloatArray
) -> None:
    """Add to float32 out (n, d) the product of a float32 CSR matrix, given by its parts, and float32 rows (m, d)."""
    for user in range(len(weight_starts) - 1):
        for at in range(weight_starts[user], weight_starts[user + 1]):
            row, weight = weight_columns[at], weights[at]
            for column in range(rows.shape[1]):
                out[user, column] += weight * rows[row, column]


@_compiled
def gather(
    chosen: IntArray | LongArray,
    weights: FloatArray | DoubleArray,
    starts: IntArray,
    columns: IntArray,
    values: FloatArray,
    out: DoubleArray,
) -> None:
    """Add to float64 out (n_columns,) the chosen rows of a float32 CSR matrix, each times its weight."""
    for place in range(len(chosen)):
        row, weight = chosen[place], weights[place]
        for entry in range(starts[row], starts[row + 1]):
            out[columns[entry]] += weight * values[entry]


@_compiled
def _worse(scores: FloatArray | DoubleArray, one: int, other: int) -> bool:
    return bool(scores[one] < scores[other] or (scores[one] == scores[other] and one > other))


@_compiled
def _sink(scores: FloatArray | DoubleArray, heap: LongArray, size: int, place: int) -> None:
    """Put a place on top of a heap, in the stead of what is there, and let it sink to where it belongs."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _worse(scores, heap[child + 1], heap[child]):
            child += 1
        if not _worse(scores, heap[child], place):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = place


@_compiled
def _highest(scores: FloatArray | DoubleArray, places: LongArray, size: int) -> LongArray:
    heap = np.empty(min(size, len(places)), np.int64)  # the worst of those kept on top
    kept = 0
    for place in places:
        score = scores[place]
        if score > 0 and kept < len(heap):
            at = kept
            kept += 1
            while at > 0 and scores[heap[(at - 1) // 2]] >= score:
                heap[at] = heap[(at - 1) // 2]
                at = (at - 1) // 2
            heap[at] = place
        elif kept and score > scores[heap[0]]:
            _sink(scores, heap, kept, place)
    found = np.empty(kept, np.int64)
    while kept:
        kept -= 1
        found[kept] = heap[0]
        _sink(scores, heap, kept, heap[kept])
    return found


@_compiled
def highest(scores: FloatArray | DoubleArray, size: int) -> LongArray:
    """int64, where the `size` highest scores above 0 stand, the best first; of equal ones the one that stands first."""
    return _highest(scores, np.arange(len(scores)), size)


@_compiled
def propose(scores: FloatArray, items: LongArray, sizes: LongArray, proposed: WordArray, best: FloatArray) -> None:
    """What each source proposes of some items to one user: the `highest` of its scores.

    Args:
        scores: float32 (n_sources, n_items).
        items: int64, those that may be proposed, ascending.
        sizes: int64, at least n_sources of them: how many items each proposes.
        proposed: uint16 (n_items,): gets bit s where source s proposes the item.
        best: float32 (at least n_sources, at least the largest size): gets the scores of what each proposes, the best
            first.
    """
    for source in range(len(scores)):
        found = _highest(scores[source], items, sizes[source])
        for place, item in enumerate(found):
            proposed[item] |= np.uint16(1 << source)
            best[source, place] = scores[source, item]
