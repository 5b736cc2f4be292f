"""Pairs taken and not taken, weighed evenly, and parted into bins of equal weight."""

import numpy as np

from recsys.schema import DoubleArray, LongArray


def balance(taken: DoubleArray) -> DoubleArray:
    """The weight of each pair, from 1 where taken and 0 where not: both kinds weigh 1/2 in all."""
    count = taken.sum()
    return np.asarray(np.where(taken > 0, 0.5 / max(count, 1), 0.5 / max(len(taken) - count, 1)), np.float64)


def bins(x: DoubleArray, weight: DoubleArray, most: int) -> LongArray:
    """The bin of each value, int64 from 0 on: about equal weight, equal values together, none empty, ascending."""
    order = np.argsort(x, kind="stable")
    place = np.cumsum(weight[order]) - weight[order] / 2
    edges = x[order][np.searchsorted(place, place[-1] * np.arange(1, most) / most)]
    part = np.searchsorted(np.unique(edges), x, side="right")
    filled = np.bincount(part) > 0
    return np.asarray((np.cumsum(filled) - 1)[part], np.int64)
