"""Scores of one request on a scale of their own, that policies draw from."""

import numpy as np

from recsys.schema import DoubleArray, FloatArray


def relevance(score: FloatArray, yardstick: FloatArray, depth: int) -> DoubleArray:
    """float64 (m,): 1 for the best score and 0 for the one at `depth`, or the last; linear between and beyond.

    All 0 where these two are equal. It says the same of any scale of scores.

    Args:
        score: float32 (m,).
        yardstick: float32 (n,), falling, the scores that best and last are of.
        depth: from 1.

    >>> relevance(np.array([9, 8, 7, 4], np.float32), np.array([9, 7, 5, 4], np.float32), 3).tolist()
    [1.0, 0.75, 0.5, -0.25]
    """
    if len(yardstick) == 0:
        return np.zeros(len(score))
    best, last = float(yardstick[0]), float(yardstick[min(depth, len(yardstick)) - 1])
    return between(score.astype(np.float64), best=np.float64(best), last=np.float64(last))


def between(score: DoubleArray, *, best: DoubleArray | np.float64, last: DoubleArray | np.float64) -> DoubleArray:
    """float64, as `score`: 1 where it is the best and 0 where it is the last, linear between and beyond.

    All 0 where these two are equal. Of a matrix, `best` and `last` are columns.
    """
    away = np.broadcast_to(best - last, score.shape)
    return np.divide(score - last, away, out=np.zeros(score.shape), where=away != 0)
