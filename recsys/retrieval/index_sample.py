"""Which vectors an index learns its ranges, lists and stretches from."""

import numpy as np

from recsys.schema import BoolArray, LongArray


def sample(n: int, known: BoolArray | None, most: int) -> LongArray | None:
    """int64, ascending, the same for the same arguments; None where all are learned from.

    Args:
        n: how many vectors there are.
        known: bool (n,), those that may be learned from; all if None or if none is.
        most: how many are learned from; more would take longer and find no more.
    """
    every = known is None or not known.any()
    if every and n <= most:
        return None
    among = np.arange(n) if known is None or every else np.flatnonzero(known)
    if len(among) > most:
        among = np.sort(np.random.default_rng(0).choice(among, most, replace=False))
    return among
