"""What the ranker knows of a user."""

from functools import partial

import numpy as np

from recsys.ranking import kernels
from recsys.ranking.features import Feature
from recsys.ranking.pairs import Pairs
from recsys.schema import DoubleArray


def recent(pairs: Pairs, half_life: int) -> DoubleArray:
    """Decayed weight of the user's positive events, logarithm."""
    return np.log1p(pairs.spread(pairs.users.counters.decayed[half_life]))


def tenure(pairs: Pairs) -> DoubleArray:
    """Days since the first positive event."""
    return pairs.spread(pairs.age(pairs.users.counters.first), np.nan)


def distinct(pairs: Pairs) -> DoubleArray:
    """Items taken."""
    return np.bincount(pairs.own.counters.keys // len(pairs.items), minlength=len(pairs.taken)).astype(np.float64)


def takes(pairs: Pairs) -> DoubleArray:
    """Positive events."""
    return pairs.spread(pairs.users.counters.count)


def share(part: DoubleArray, whole: DoubleArray) -> DoubleArray:
    """Part / whole, NaN where there is nothing."""
    return kernels.share(part, whole)


USER_FEATURES = (
    Feature(name="user_takes", scope="user", group="activity", compute=takes),
    *(
        Feature(name=f"user_recent_{h}", scope="user", group="activity", compute=partial(recent, half_life=h))
        for h in range(3)
    ),
    Feature(name="user_items", scope="user", group="activity", compute=distinct),
    Feature(name="user_repeats", scope="user", group="again", compute=lambda p: 1 - share(distinct(p), takes(p))),
    Feature(name="user_visits", scope="user", group="activity", compute=lambda p: p.spread(p.users.counters.visits)),
    Feature(
        name="user_basket",
        scope="user",
        group="activity",
        compute=lambda p: share(takes(p), p.spread(p.users.counters.visits)),
    ),
    Feature(name="user_liked", scope="user", group="activity", compute=lambda p: share(takes(p), p.n_met)),
    Feature(name="user_idle", scope="user", group="activity", compute=lambda p: p.idle),
    Feature(name="user_tenure", scope="user", group="activity", compute=tenure),
    Feature(name="user_gap", scope="user", group="activity", compute=lambda p: p.gap),
    Feature(name="user_due", scope="user", group="activity", compute=lambda p: share(p.idle, p.gap)),
    Feature(name="user_price", scope="user", group="price", compute=lambda p: p.price),
    Feature(name="user_popular", scope="user", group="popular", compute=lambda p: p.popular),
)
