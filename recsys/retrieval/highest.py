"""The best of many scores."""

import numpy as np

from recsys.schema import DoubleArray, FloatArray, LongArray


def highest(scores: FloatArray | DoubleArray, size: int) -> LongArray:
    """int64, where the `size` highest scores above 0 stand, the best first; of equal ones the one that stands first."""
    near = np.flatnonzero(scores > 0)
    if len(near) > size > 0:
        values = scores[near]
        near = near[values >= np.partition(values, len(values) - size)[len(values) - size]]
    return near[np.argsort(-scores[near], kind="stable")[:size]]
