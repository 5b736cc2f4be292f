"""What the ranker knows of an item; nothing at all of one that was never heard of."""

from functools import partial

import numpy as np

from recsys.ranking.features import Feature
from recsys.ranking.pairs import Pairs
from recsys.ranking.user_features import share
from recsys.schema import DoubleArray


def column(pairs: Pairs, name: str) -> DoubleArray:
    """(m,): an array of `ItemState`, item by item of the pairs."""
    return np.asarray(getattr(pairs.items, name)[pairs.candidates.item_idx], np.float64)


def recent(pairs: Pairs, half_life: int) -> DoubleArray:
    """Decayed weight of the item's positive events, logarithm."""
    return np.asarray(pairs.recent[half_life], np.float64)


def newly(pairs: Pairs, half_life: int) -> DoubleArray:
    """Decayed number of its first-time takers, logarithm."""
    return np.asarray(pairs.newly[half_life], np.float64)


def interval(pairs: Pairs) -> DoubleArray:
    """Days between two takes of the item by one user, on average; NaN where nobody came back for it."""
    return share(column(pairs, "spans"), column(pairs, "gaps"))


ITEM_FEATURES = (
    *(
        Feature(name=f"item_recent_{h}", scope="item", group="popular", compute=partial(recent, half_life=h))
        for h in range(3)
    ),
    *(
        Feature(name=f"item_newly_{h}", scope="item", group="popular", compute=partial(newly, half_life=h))
        for h in range(3)
    ),
    Feature(name="item_trend", scope="item", group="popular", compute=lambda p: recent(p, 0) - recent(p, 2)),
    Feature(name="item_takers", scope="item", group="popular", compute=lambda p: p.takers),
    Feature(
        name="item_repeats",
        scope="item",
        group="popular",
        compute=lambda p: share(column(p, "repeaters"), p.takers),
    ),
    Feature(
        name="item_each",
        scope="item",
        group="popular",
        compute=lambda p: share(column(p, "takes"), p.takers),
    ),
    # of those who met it, more took it
    Feature(
        name="item_liked",
        scope="item",
        group="popular",
        compute=lambda p: share(column(p, "takes"), column(p, "met")),
        monotone=1,
    ),
    Feature(name="item_interval", scope="item", group="popular", compute=interval),
    Feature(name="item_age", scope="item", group="popular", compute=lambda p: p.age(column(p, "born"))),
    Feature(name="item_idle", scope="item", group="popular", compute=lambda p: p.age(column(p, "last"))),
    Feature(name="item_price", scope="item", group="price", compute=lambda p: column(p, "price")),
)
