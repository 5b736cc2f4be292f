"""The baseline of Matryoshka training: vectors turned so that their first numbers are their principal components."""

import numpy as np

from recsys.retrieval.interest import InterestModel
from recsys.schema import DoubleArray, FloatArray
from recsys.text.encoder import TransformerEncoder
from recsys.text.static import StaticEncoder


def pca(
    encoder: TransformerEncoder | StaticEncoder, interest: InterestModel, vectors: FloatArray
) -> tuple[TransformerEncoder | StaticEncoder, InterestModel]:
    """Turn an encoder and its user tower alike: lengths and scores stay as they are, prefixes keep the most variance.

    Args:
        encoder: stays as it is; the result shares its transformer.
        interest: its user tower.
        vectors: float32 (n, D), the encoder's, of the texts whose variance counts.

    Returns:
        Both, in the basis of the vectors' principal components, most variance first (Jolliffe 2002).
    """
    turn = principal_axes(vectors)
    return encoder.turned(turn), interest.turned(turn)


def principal_axes(vectors: FloatArray) -> FloatArray:
    """float32 (D, D): orthonormal rows, the axes of most variance first; an axis' largest number is positive."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    return axes_of(centred.T @ centred)


def axes_of(matrix: DoubleArray) -> FloatArray:
    """float32 (D, D): a symmetric matrix' eigenvectors, one a row, that of the largest eigenvalue first.

    Each points so that its largest number is positive, as its sign is by chance.
    """
    axes = np.linalg.eigh(matrix)[1].T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(axes * np.sign(largest), np.float32)
