"""Which directions of item vectors tell what a user takes: those along which the items of a user agree."""

import numpy as np
from scipy.sparse import csr_array

from recsys.schema import DoubleArray, FloatArray, IntArray
from recsys.text.pca import axes_of


def agreement_axes(vectors: FloatArray, user: IntArray, text: IntArray) -> FloatArray:
    """Orthonormal axes, along which the items of a user agree most first, and where they differ like strangers' last.

    The eigenvectors of Σ_u 1/(n_u - 1) · Σ_{i≠j} (x_i - m)(x_j - m)ᵀ over the pairs of different items among the n_u of
    a user, with m the mean of all that was taken. Of whitened vectors this is Fisher's discriminant analysis (1936; of
    many classes Rao 1948) with the users as classes, no item compared with itself. Dot products stay as they are; the
    first numbers of a vector are those that tell most.

    Args:
        vectors: float32 (n, D), of n texts.
        user: int (m,), who took.
        text: int (m,), rows of `vectors`, what was taken; several times counts once.

    Returns:
        float32 (D, D), an axis a row; the identity if no user took two.
    """
    taken = csr_array((np.ones(len(user)), (user, text)), shape=(int(user.max(initial=-1)) + 1, len(vectors)))
    taken.sum_duplicates()
    taken.data[:] = 1
    taken = taken[np.diff(taken.indptr) > 1]
    count = np.diff(taken.indptr)
    if not len(count):
        return np.eye(vectors.shape[1], dtype=np.float32)
    share: DoubleArray = 1 / (count - 1)
    moved = vectors - np.bincount(taken.indices, minlength=len(vectors)) @ vectors / count.sum()
    sums: DoubleArray = taken @ moved
    alone = moved.T @ (moved * np.asarray(taken.T @ share)[:, None])
    return axes_of(sums.T @ (sums * share[:, None]) - alone)
