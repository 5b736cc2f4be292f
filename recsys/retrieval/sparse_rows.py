"""Sparse matrices by row: made of their parts, read entry by entry, kept in files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, get_index_dtype

from recsys.data.storage import mapped
from recsys.errors import ArtifactError
from recsys.retrieval import kernels
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray

_PARTS = ("indptr", "indices", "data")


@dataclass(frozen=True, slots=True)
class Weights:
    """A sparse matrix as its parts alone, where it is soon forgotten: scipy takes longer to make one than to use it.

    Attributes:
        indptr: int32 (n + 1,), row u holds entries indptr[u]:indptr[u + 1].
        indices: int32 (m,), columns, in any order and more than once; equal ones add up.
        data: float32 (m,).
        n_columns: how many columns there are.
    """

    indptr: IntArray
    indices: IntArray
    data: FloatArray
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.indptr) - 1, self.n_columns

    @property
    def nnz(self) -> int:
        """How many entries there are."""
        return len(self.data)


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


def product(weights: csr_array | Weights, matrix: csr_array | FloatArray, out: FloatArray | None = None) -> FloatArray:
    """float32 (n, n_columns), dense: float32 CSR (n, m) times float32 (m, n_columns), CSR or dense.

    A row's entries are added one after the other: unlike BLAS, no block of rows changes the rounding. It is added to
    `out`, where that is given.
    """
    if out is None:
        out = np.zeros((weights.shape[0], matrix.shape[1]), np.float32)
    rows = weights.indptr, weights.indices, weights.data
    if isinstance(matrix, np.ndarray):
        kernels.spread_rows(*rows, matrix, out)
    else:
        kernels.spread(*rows, matrix.indptr, matrix.indices, matrix.data, out)
    return out


def weighted_sum(matrix: csr_array, rows: IntArray | LongArray, weights: FloatArray | DoubleArray) -> DoubleArray:
    """float64 (n_columns,): the given rows of a float32 CSR matrix, each times its weight, added up."""
    out = np.zeros(matrix.shape[1])
    kernels.gather(rows, weights, matrix.indptr, matrix.indices, matrix.data, out)
    return out


def save_csr(directory: Path, name: str, matrix: csr_array) -> None:
    """Write name-indptr.npy, name-indices.npy and name-data.npy into an existing directory."""
    for part in _PARTS:
        np.save(directory / f"{name}-{part}.npy", getattr(matrix, part), allow_pickle=False)


def load_csr(directory: Path, name: str, *, n_columns: int, n_rows: int | None = None) -> csr_array:
    """Read what `save_csr` wrote; of any number of rows where it is not given.

    Raises:
        ArtifactError: not a matrix of that shape.
    """
    indptr, columns, data = (mapped(directory / f"{name}-{part}.npy") for part in _PARTS)
    inside = len(columns) == 0 or (columns.min() >= 0 and columns.max() < n_columns)
    whole = (
        len(indptr) > 0
        and indptr[0] == 0
        and len(columns) == len(data) == indptr[-1]
        and not (indptr[:-1] > indptr[1:]).any()
    )
    if not (inside and whole and n_rows in {None, len(indptr) - 1}):
        shape = f"{'any' if n_rows is None else n_rows} x {n_columns}"
        raise ArtifactError(f"{directory / name}-*.npy do not form a matrix of {shape}; make it again.")
    return csr(data, columns, indptr, n_columns)
