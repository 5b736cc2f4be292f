"""The inner loops of the sources, compiled: one pass where numpy and scipy take several.

Each adds up in a fixed order, so that what one user gets does not depend on the others. Places are unsigned where much
is added: for a signed one it is asked each time whether it counts from the end.
"""

from typing import TypeAlias

import numpy as np

from recsys.retrieval.compiled import compiled
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

_Sparse: TypeAlias = tuple[IntArray, IntArray]


@compiled
def lay(weight_starts: IntArray, weight_columns: IntArray, weights: FloatArray, out: FloatArray) -> None:
    """Add a float32 CSR matrix, given by its parts, to float32 out (n, n_columns)."""
    for user in range(len(weight_starts) - 1):
        for at in range(weight_starts[user], weight_starts[user + 1]):
            out[user, weight_columns[at]] += weights[at]


@compiled
def pick(dense: FloatArray, starts: LongArray, items: IntArray, out: FloatArray) -> None:
    """Put what float32 dense (s, n, n_items) says of pairs of user and item into float32 out (s, m).

    The items of user u are items[starts[u]:starts[u + 1]], int32.
    """
    for source in range(len(dense)):
        for user in range(len(starts) - 1):
            said = dense[source, user]
            for pair in range(np.uint64(starts[user]), np.uint64(starts[user + 1])):
                out[np.uint64(source), pair] = said[np.uint64(items[pair])]


@compiled
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
        own = out[user]
        for at in range(weight_starts[user], weight_starts[user + 1]):
            row, weight = weight_columns[at], weights[at]
            if weight != 0:
                for entry in range(np.uint64(starts[row]), np.uint64(starts[row + 1])):
                    own[np.uint64(columns[entry])] += weight * values[entry]


@compiled
def spread_rows(
    weight_starts: IntArray, weight_columns: IntArray, weights: FloatArray, rows: FloatArray, out: FloatArray
) -> None:
    """Add to float32 out (n, d) the product of a float32 CSR matrix, given by its parts, and float32 rows (m, d)."""
    zero, wide = np.uint64(0), np.uint64(rows.shape[1])
    for user in range(len(weight_starts) - 1):
        own, at, end = out[user], weight_starts[user], weight_starts[user + 1]
        while at + 8 <= end:  # one after the other as below, with an eighth of the trips to `out`
            a, b, c, d = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
            e, f, g, h = weights[at + 4], weights[at + 5], weights[at + 6], weights[at + 7]
            of_a, of_b = np.uint64(weight_columns[at]), np.uint64(weight_columns[at + 1])
            of_c, of_d = np.uint64(weight_columns[at + 2]), np.uint64(weight_columns[at + 3])
            of_e, of_f = np.uint64(weight_columns[at + 4]), np.uint64(weight_columns[at + 5])
            of_g, of_h = np.uint64(weight_columns[at + 6]), np.uint64(weight_columns[at + 7])
            for column in range(zero, wide):
                two = (own[column] + a * rows[of_a, column]) + b * rows[of_b, column]
                four = (two + c * rows[of_c, column]) + d * rows[of_d, column]
                six = (four + e * rows[of_e, column]) + f * rows[of_f, column]
                own[column] = (six + g * rows[of_g, column]) + h * rows[of_h, column]
            at += 8
        while at < end:
            row, weight = np.uint64(weight_columns[at]), weights[at]
            for column in range(zero, wide):
                own[column] += weight * rows[row, column]
            at += 1


@compiled
def pool(
    starts: LongArray,
    items: IntArray,
    said: DoubleArray,
    query: FloatArray,
    most: int,
    rows: FloatArray,
    out: FloatArray,
) -> None:
    """Put into float32 out (n, d), zeros, the softmax-weighted mean of the rows of each user's items, at length 1.

    Args:
        starts: int64 (n + 1,), the items of user u are items[starts[u]:starts[u + 1]].
        items: int32 (m,).
        said: float64 (m,), the logits but for `query`; -inf for items that are passed over.
        query: float32 (d,), its product with a row is added to the logit.
        most: how many items of each user are read, from the last on.
        rows: float32 (n_items, d).
        out: stays zeros where nothing is read.
    """
    logits = np.empty(len(items), np.float64)
    for user in range(len(starts) - 1):
        first, left, highest = starts[user + 1], most, -np.inf
        while first > starts[user] and left > 0:
            first -= 1
            if said[first] > -np.inf:
                left -= 1
                logits[first] = said[first] + _dot(rows[items[first]], query)
                highest = max(highest, logits[first])
        own = out[user]
        for at in range(first, starts[user + 1]):
            if said[at] > -np.inf:
                # the length is 1 in the end: what all weights have in common need not be divided out
                row, weight = rows[items[at]], np.float32(np.exp(logits[at] - highest))
                for column in range(len(own)):
                    own[column] += weight * row[column]
        square = _dot(own, own)
        if square > 0:
            scale = np.float32(1) / np.sqrt(square)
            for column in range(len(own)):
                own[column] *= scale


@compiled
def _dot(a: FloatArray, b: FloatArray) -> np.float32:
    """In eight sums beside each other, so that they are added at once."""
    zero = np.float32(0)
    s0, s1, s2, s3, s4, s5, s6, s7 = zero, zero, zero, zero, zero, zero, zero, zero
    whole = len(a) - len(a) % 8
    for at in range(0, whole, 8):
        s0 += a[at] * b[at]
        s1 += a[at + 1] * b[at + 1]
        s2 += a[at + 2] * b[at + 2]
        s3 += a[at + 3] * b[at + 3]
        s4 += a[at + 4] * b[at + 4]
        s5 += a[at + 5] * b[at + 5]
        s6 += a[at + 6] * b[at + 6]
        s7 += a[at + 7] * b[at + 7]
    for at in range(whole, len(a)):
        s0 += a[at] * b[at]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@compiled
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
        for entry in range(np.uint64(starts[row]), np.uint64(starts[row + 1])):
            out[np.uint64(columns[entry])] += weight * values[entry]


@compiled
def read(
    starts: LongArray,
    items: IntArray,
    at: LongArray,
    weights: FloatArray,
    met: BoolArray,
    fresh: DoubleArray,
    near: DoubleArray,
    half_day: int,
    n_items: int,
) -> tuple[_Sparse, _Sparse, _Sparse, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
    """Weights over items of the histories of n users; what for, `reading.Reading` says.

    Args:
        starts: int64 (n + 1,), `Histories.indptr`.
        items: int32 (m,), `Histories.item_idx`.
        at: int64 (m,), µs.
        weights: float32 (m,), 0 where the event is no positive.
        met: bool (m,), events that take an item or turn it down; every positive one does.
        fresh: float64 (m,), what is left of each event's weight.
        near: float64, what a user's last, last but one, … event of those in `met` counts.
        half_day: µs.
        n_items: size of the catalogue.

    Returns:
        Offsets and columns, int32, of the items taken, of the positive events and of those met, and the values of
        recent, basket (positive events), disliked and latest (those met), float32.
    """
    n, m = len(starts) - 1, len(items)
    taken_starts, positive_starts, met_starts = np.zeros((3, n + 1), np.int32)
    taken_items, positive_items, met_items = np.empty((3, m), np.int32)
    recent, basket, disliked, latest = np.zeros((4, m), np.float32)
    there = np.zeros(n_items, np.bool_)
    taken = positives = contacts = 0
    for user in range(n):
        first, first_contact, last = positives, contacts, 0
        for event in range(starts[user], starts[user + 1]):
            if weights[event] > 0:
                positive_items[positives] = items[event]
                recent[positives] = np.float64(weights[event]) * fresh[event]
                there[items[event]] = True
                last = at[event]
                positives += 1
            if met[event]:
                met_items[contacts] = items[event]
                disliked[contacts] = weights[event] == 0
                contacts += 1
        place = first
        for event in range(starts[user], starts[user + 1]):
            if weights[event] > 0:
                basket[place] = at[event] >= last - half_day
                place += 1
        for back in range(min(len(near), contacts - first_contact)):
            latest[contacts - 1 - back] = near[back]
        if positives > first:
            for item in range(n_items):
                if there[item]:
                    taken_items[taken] = item
                    taken += 1
                    there[item] = False
        taken_starts[user + 1], positive_starts[user + 1], met_starts[user + 1] = taken, positives, contacts
    return (
        (taken_starts, taken_items[:taken]),
        (positive_starts, positive_items[:positives]),
        (met_starts, met_items[:contacts]),
        (recent[:positives], basket[:positives], disliked[:contacts], latest[:contacts]),
    )
