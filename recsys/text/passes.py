"""The order in which texts are learned from: pass after pass over all of them, cut into steps of equal cost."""

import itertools
from collections.abc import Iterator

import numpy as np

from recsys.schema import LongArray


def passes(lengths: LongArray, *, tokens: int, seed: int) -> Iterator[LongArray]:
    """Sorted rows of each step, without end: every pass in a new order, cut where the step's tokens are spent.

    The n-th step is a pure function of the arguments, so that a run goes on at any step by `itertools.islice`.

    Args:
        lengths: int64 (n,), tokens of each text.
        tokens: of one step; a longer text is a step of its own.
        seed: of the orders.

    Yields:
        int64 (m,), sorted and distinct.

    >>> [step.tolist() for step in itertools.islice(passes(np.array([3, 3, 3, 3]), tokens=6, seed=0), 3)]
    [[0, 2], [1, 3], [0, 3]]
    """
    for epoch in itertools.count():
        order = np.random.default_rng([seed, epoch]).permutation(len(lengths))
        step = (np.cumsum(lengths[order]) - 1) // tokens
        for part in np.split(order, np.flatnonzero(np.diff(step)) + 1):
            yield np.sort(part)
