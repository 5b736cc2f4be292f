"""What a pretrained encoder's vectors start as: without what all texts have in common, and spread evenly."""

import numpy as np

from recsys.schema import BoolArray, DoubleArray, FloatArray


def centring(states: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Projection and bias that take from states their mean: what all texts of a shop share tells nothing of any.

    Args:
        states: float32 (n, W), pooled states of n texts.

    Returns:
        float32 (W, W), the identity, and (W,): a text's start is projection @ state + bias.
    """
    return np.eye(states.shape[1], dtype=np.float32), np.asarray(-states.mean(axis=0, dtype=np.float64), np.float32)


def whitening(states: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Projection and bias that centre states and shrink the directions in which the texts of this shop differ most.

    projection ∝ (Σ + W/n · σ² · I)^(-1/2), with Σ the covariance and σ² its mean variance: ZCA whitening (Bell &
    Sejnowski 1997; of sentence vectors, Su et al. 2021, arXiv 2103.15316). The share W/n is about how far n texts leave
    the variance of a direction unknown, so that few texts change little and no direction of mere noise is blown up.
    The total variance stays; the projection is symmetric, so that nothing turns on the order or sign of an axis.

    Args:
        states: float32 (n, W), pooled states of n texts.

    Returns:
        float32 (W, W) and (W,): a text's start is projection @ state + bias; those of `centring` if all are one.
    """
    n, width = states.shape
    centre = states.mean(axis=0, dtype=np.float64)
    moved = states - centre
    variance, axes = np.linalg.eigh(moved.T @ moved / n)
    variance = np.maximum(variance, 0.0)
    if variance.sum() == 0:
        return centring(states)
    factor = 1 / np.sqrt(variance + width / n * variance.mean())
    factor *= np.sqrt(variance.sum() / (factor * factor * variance).sum())
    projection: DoubleArray = (axes * factor) @ axes.T
    return np.asarray(projection, np.float32), np.asarray(-projection @ centre, np.float32)


def start(states: FloatArray, *, whiten: bool) -> tuple[FloatArray, FloatArray]:
    """Projection and bias before the first step: of `whitening`, else of `centring`."""
    return whitening(states) if whiten else centring(states)


def untrained(vectors: FloatArray, known: BoolArray, *, whiten: bool) -> FloatArray:
    """Vectors as training starts from them.

    Args:
        vectors: float32 (n, D), unit rows of the base.
        known: bool (n,), the rows that may be looked at.
        whiten: else they are only centred.

    Returns:
        float32 (n, D), unit rows.
    """
    projection, bias = start(vectors[known], whiten=whiten)
    moved = vectors @ projection.T + bias
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), np.float32)
