"""Sparse matrices by row: made of their parts, and read entry by entry."""

import numpy as np
from scipy.sparse import csr_array, get_index_dtype

from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray


def csr(
    data: FloatArray | DoubleArray, columns: IntArray | LongArray, indptr: IntArray | LongArray, n_columns: int
) -> csr_array:
    """float32 CSR (len(indptr) - 1, n_columns) of its parts.

    Columns and offsets are int32 wherever that is enough: before a product of two matrices in which they differ, scipy
    converts the whole of the narrower.
    """
    narrow = get_index_dtype(maxval=max(len(columns), n_columns))
    parts = (data.astype(np.float32, copy=False), columns.astype(narrow, copy=False), indptr.astype(narrow, copy=False))
    return csr_array(parts, shape=(len(indptr) - 1, n_columns))


def entries(matrix: csr_array, rows: IntArray | LongArray) -> tuple[LongArray, LongArray]:
    """For every stored entry of every given row, in order.

    Args:
        matrix: CSR (n_rows, n_columns).
        rows: (m,), any of them, as often as wanted.

    Returns:
        int64 (e,) the entry's place in `rows`, and int64 (e,) where it stands in `matrix.indices` and `matrix.data`.
    """
    starts = matrix.indptr[rows].astype(np.int64)
    sizes = matrix.indptr[rows + 1] - starts
    ends = np.cumsum(sizes)
    place = np.repeat(np.arange(len(rows)), sizes)
    return place, np.arange(len(place)) + (starts - ends + sizes)[place]
