"""Requests whose users differ: within a user, rewards are alike (intra-class correlation .3)."""

import numpy as np

from recsys.schema import DoubleArray, IntArray

ICC = 0.3
MEAN = 0.3
SUM = 1 / ICC - 1
"""a + b of the Beta distribution of a user's click rate: clicks of one user then correlate by 1 / (a + b + 1)."""


def requests(rng: np.random.Generator, users: int) -> tuple[IntArray, DoubleArray]:
    """Each request's user, int32 (n,), and its click, 0 or 1; some 10 requests a user, of a mean of .3."""
    rate = rng.beta(MEAN * SUM, (1 - MEAN) * SUM, users)
    user_idx = np.repeat(np.arange(users, dtype=np.int32), 1 + rng.poisson(9, users))
    return user_idx, (rng.random(len(user_idx)) < rate[user_idx]).astype(np.float64)


def totals(rng: np.random.Generator, users: int) -> tuple[DoubleArray, DoubleArray]:
    """Clicks and requests of each user, float64 (users,), by the same law."""
    rate = rng.beta(MEAN * SUM, (1 - MEAN) * SUM, users)
    seen = 1 + rng.poisson(9, users)
    return rng.binomial(seen, rate).astype(np.float64), seen.astype(np.float64)


def weights(rng: np.random.Generator, n: int) -> tuple[DoubleArray, DoubleArray]:
    """Importance weights of two policies: .8 and .2 over two items, and the other way round; .5 each was logged."""
    first = rng.random(n) < 0.5
    return np.where(first, 1.6, 0.4), np.where(first, 0.4, 1.6)
