"""What the ranker knows of an item; nothing at all of one that was never heard of."""

import numpy as np

from recsys.ranking import kernels
from recsys.ranking.features import Family, Feature
from recsys.ranking.pairs import Pairs
from recsys.schema import FloatArray, IntArray

ITEM_FEATURES = (
    # decayed weight of the item's positive events, logarithm
    *(Feature(name=f"item_recent_{h}", scope="item", group="popular") for h in range(3)),
    # decayed number of its first-time takers, logarithm
    *(Feature(name=f"item_newly_{h}", scope="item", group="popular") for h in range(3)),
    # the shortest half-life beside the longest
    Feature(name="item_trend", scope="item", group="popular"),
    Feature(name="item_takers", scope="item", group="popular"),
    # share of the takers who came back for it
    Feature(name="item_repeats", scope="item", group="popular"),
    # takes a taker
    Feature(name="item_each", scope="item", group="popular"),
    # of those who met it, more took it
    Feature(name="item_liked", scope="item", group="popular", monotone=1),
    # days between two takes of the item by one user, on average; NaN where nobody came back for it
    Feature(name="item_interval", scope="item", group="popular"),
    # days since the item came, and since it was last taken
    Feature(name="item_age", scope="item", group="popular"),
    Feature(name="item_idle", scope="item", group="popular"),
    Feature(name="item_price", scope="item", group="price"),
)


def fill(pairs: Pairs, out: FloatArray) -> None:
    """Every column, float32 (15, m); worked out once an item, where there are more pairs than items."""
    items, item_idx = pairs.items, pairs.candidates.item_idx
    if len(item_idx) > len(items):
        every = np.empty((len(out), len(items)), np.float32)
        _fill(pairs, np.arange(len(items), dtype=np.int32), every)
        np.take(every, item_idx, axis=1, out=out)
    else:
        _fill(pairs, item_idx, out)


def _fill(pairs: Pairs, item_idx: IntArray, out: FloatArray) -> None:
    items = pairs.items
    counters = np.empty((6, len(item_idx)))
    kernels.fresh(items.decayed, items.firsts, items.fading(pairs.as_of), item_idx, counters)
    kernels.items(
        np.log(counters),
        item_idx,
        items.takes,
        items.takers,
        items.repeaters,
        items.met,
        items.spans,
        items.gaps,
        items.born,
        items.last,
        items.price,
        pairs.as_of,
        items.day,
        out,
    )


ITEMS = Family(features=ITEM_FEATURES, fill=fill)
