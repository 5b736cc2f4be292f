"""Dot products of float32 vectors, compiled, each added up in one order whatever stands beside it.

The order is that of numpy's einsum: four sums, of every fourth number, sixteen numbers at a time and the last four of
them first. So many products side by side are the same to the bit as one alone.
"""

import numpy as np

from recsys.retrieval.compiled import compiled
from recsys.schema import FloatArray, IntArray, LongArray

_TILE = 256
"""Rows that are turned over at once: as many as stay in a processor's cache."""


@compiled
def products(rows: FloatArray, queries: FloatArray, out: FloatArray) -> None:
    """Put the product of every query, float32 (n, d), with every row, float32 (m, d), into float32 out (n, m)."""
    dim, zero = rows.shape[1], np.uint64(0)
    whole = dim - dim % 16
    turned, sums = np.empty((dim, _TILE), np.float32), np.empty((4, _TILE), np.float32)
    for first in range(0, len(rows), _TILE):
        size = np.uint64(min(_TILE, len(rows) - first))
        for row in range(zero, size):
            for column in range(dim):
                turned[column, row] = rows[np.uint64(first) + row, column]
        for query in range(len(queries)):
            asked, said = queries[query], out[query, first : first + _TILE]
            sums[:] = 0
            for lane in range(4):
                own = sums[lane]
                for at in range(lane, whole, 16):
                    a, b, c, d = asked[at], asked[at + 4], asked[at + 8], asked[at + 12]
                    of_a, of_b, of_c, of_d = np.uint64(at), np.uint64(at + 4), np.uint64(at + 8), np.uint64(at + 12)
                    for row in range(zero, size):
                        two = (own[row] + d * turned[of_d, row]) + c * turned[of_c, row]
                        own[row] = (two + b * turned[of_b, row]) + a * turned[of_a, row]
                for at in range(whole + lane, dim, 4):
                    a, of_a = asked[at], np.uint64(at)
                    for row in range(zero, size):
                        own[row] += a * turned[of_a, row]
            for row in range(zero, size):
                said[row] = (sums[0, row] + sums[1, row]) + (sums[2, row] + sums[3, row])


@compiled
def along(
    vectors: FloatArray, starts: LongArray, items: IntArray, queries: FloatArray, asked: LongArray, out: FloatArray
) -> None:
    """Put the products of users' queries with the vectors of their items into float32 out (m,).

    Args:
        vectors: float32 (n_items, d).
        starts: int64 (n + 1,), the items of user u are items[starts[u]:starts[u + 1]].
        items: int32 (m,).
        queries: float32 (q, d).
        asked: int64 (n,), which of the queries is a user's; -1 for none: then nothing is put.
        out: as above.
    """
    for user in range(len(asked)):
        end = starts[user + 1] if asked[user] >= 0 else starts[user]
        query = queries[max(asked[user], 0)]
        for at in range(starts[user], end, 4):
            # four at once, so that none waits for its own sums; beyond the end the last comes again
            b, c, d = min(at + 1, end - 1), min(at + 2, end - 1), min(at + 3, end - 1)
            found = _four(vectors, query, items[at], items[b], items[c], items[d])
            out[at], out[b], out[c], out[d] = found[0], found[1], found[2], found[3]


@compiled
def _four(
    rows: FloatArray, query: FloatArray, a: int, b: int, c: int, d: int
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """The products of a query with four rows."""
    zero, one, two, three = np.float32(0), np.uint64(1), np.uint64(2), np.uint64(3)
    ra, rb, rc, rd = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d)
    a0, a1, a2, a3, b0, b1, b2, b3 = zero, zero, zero, zero, zero, zero, zero, zero
    c0, c1, c2, c3, d0, d1, d2, d3 = zero, zero, zero, zero, zero, zero, zero, zero
    dim = len(query)
    whole, quads = dim - dim % 16, dim - dim % 4
    for start in range(0, quads, 4):
        i = np.uint64(start if start >= whole else start + 12 - 2 * (start % 16))  # the last four of sixteen first
        j, k, m = i + one, i + two, i + three
        q0, q1, q2, q3 = query[i], query[j], query[k], query[m]
        a0, a1, a2, a3 = a0 + rows[ra, i] * q0, a1 + rows[ra, j] * q1, a2 + rows[ra, k] * q2, a3 + rows[ra, m] * q3
        b0, b1, b2, b3 = b0 + rows[rb, i] * q0, b1 + rows[rb, j] * q1, b2 + rows[rb, k] * q2, b3 + rows[rb, m] * q3
        c0, c1, c2, c3 = c0 + rows[rc, i] * q0, c1 + rows[rc, j] * q1, c2 + rows[rc, k] * q2, c3 + rows[rc, m] * q3
        d0, d1, d2, d3 = d0 + rows[rd, i] * q0, d1 + rows[rd, j] * q1, d2 + rows[rd, k] * q2, d3 + rows[rd, m] * q3
    i = np.uint64(quads)
    if dim - quads > 0:
        q0 = query[i]
        a0, b0, c0, d0 = a0 + rows[ra, i] * q0, b0 + rows[rb, i] * q0, c0 + rows[rc, i] * q0, d0 + rows[rd, i] * q0
    if dim - quads > 1:
        j = i + one
        q1 = query[j]
        a1, b1, c1, d1 = a1 + rows[ra, j] * q1, b1 + rows[rb, j] * q1, c1 + rows[rc, j] * q1, d1 + rows[rd, j] * q1
    if dim - quads > 2:
        k = i + two
        q2 = query[k]
        a2, b2, c2, d2 = a2 + rows[ra, k] * q2, b2 + rows[rb, k] * q2, c2 + rows[rc, k] * q2, d2 + rows[rd, k] * q2
    return (a0 + a1) + (a2 + a3), (b0 + b1) + (b2 + b3), (c0 + c1) + (c2 + c3), (d0 + d1) + (d2 + d3)
