"""Random numbers that belong to a request: whatever else is drawn, and in whatever order, they stay."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.schema import DoubleArray, LongArray

_Words: TypeAlias = npt.NDArray[np.uint64]


def uniforms(seed: int, request: LongArray, n: int) -> DoubleArray:
    """float64 (r, n), in [0, 1): n numbers for each request, the same for the same seed and number of the request.

    SplitMix64 (Steele, Lea & Flood 2014, OOPSLA) of a counter.

    Args:
        seed: any.
        request: int64 (r,), ≥ 0.
        n: how many, at most 2^20.
    """
    start = _mixed(np.array([seed % 2**64], np.uint64))
    count = (request.astype(np.uint64)[:, None] << np.uint64(20)) + np.arange(n, dtype=np.uint64)
    return np.asarray((_mixed(np.asarray(count + start, np.uint64)) >> np.uint64(11)) * 2.0**-53, np.float64)


def _mixed(state: _Words) -> _Words:
    state = (state + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
