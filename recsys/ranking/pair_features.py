"""What the ranker knows of a user and an item together."""

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from recsys.ranking.features import Feature
from recsys.ranking.item_features import column, interval
from recsys.ranking.pairs import LATEST, Pairs, Tally
from recsys.ranking.reasons import SOURCE_GROUPS
from recsys.ranking.user_features import share
from recsys.retrieval.candidates import SOURCES
from recsys.schema import DoubleArray, FloatArray, LongArray


def own_recent(pairs: Pairs, half_life: int) -> DoubleArray:
    """Decayed weight of the user's positive events with the item."""
    return pairs.own(pairs.own.counters.decayed[half_life])


def share_of(pairs: Pairs, tally: Tally, half_life: int) -> DoubleArray:
    """What part of the user's decayed weight falls to the pair's key."""
    total = pairs.spread(pairs.users.counters.decayed[half_life])[pairs.rows]
    return share(tally(tally.counters.decayed[half_life]), total)


def score(pairs: Pairs, source: int) -> FloatArray:
    """A source's score of the pair."""
    return pairs.candidates.scores[:, source]


def relative(pairs: Pairs, source: int) -> FloatArray:
    """The score beside the source's best for the user; 0 where it knows nothing."""
    return pairs.relative[:, source]


def place(pairs: Pairs, source: int) -> LongArray:
    """How many items the source puts before this one for the user, as far as it proposes."""
    return pairs.places[:, source]


def likeness(pairs: Pairs, last: int) -> FloatArray:
    """The highest text cosine to the user's `last` items; NaN without a history."""
    return np.asarray(pairs.likeness[last - 1], np.float32)


def proposers(pairs: Pairs) -> DoubleArray:
    """How many sources propose the item."""
    return np.bitwise_count(pairs.candidates.sources).astype(np.float64)


def price_ratio(pairs: Pairs) -> DoubleArray:
    """Logarithm of the price beside the user's mean price."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(column(pairs, "price") / pairs.price[pairs.rows])


BELIEVED = frozenset(SOURCES) - {"disliked", "own", "text_neighbours", "lexical"}
"""Sources whose higher score can only speak for an item: each is a model of who takes what next. Of the others, being
like what was turned down may go either way; what was taken a moment ago may be needed no more, or again; and what reads
like it may replace it."""

_View: TypeAlias = Callable[..., FloatArray | LongArray]
_VIEWS: tuple[tuple[str, _View, Literal[-1, 1]], ...] = (
    ("score", score, 1),
    ("relative", relative, 1),
    ("place", place, -1),
)

SOURCE_FEATURES = tuple(
    Feature(
        name=f"{name}_{source}",
        scope="pair",
        group=SOURCE_GROUPS[source],
        compute=partial(compute, source=bit),
        monotone=sign if source in BELIEVED else 0,
    )
    for bit, source in enumerate(SOURCES)
    for name, compute, sign in _VIEWS
)

PAIR_FEATURES = (
    Feature(name="own_takes", scope="pair", group="again", compute=lambda p: p.own(p.own.counters.count)),
    Feature(name="own_visits", scope="pair", group="again", compute=lambda p: p.own(p.own.counters.visits)),
    *(
        Feature(name=f"own_recent_{h}", scope="pair", group="again", compute=partial(own_recent, half_life=h))
        for h in range(3)
    ),
    Feature(name="own_share", scope="pair", group="again", compute=lambda p: share_of(p, p.own, 2)),
    Feature(name="own_idle", scope="pair", group="again", compute=lambda p: p.own_idle),
    Feature(name="own_interval", scope="pair", group="again", compute=lambda p: p.own_interval),
    Feature(name="own_due", scope="pair", group="again", compute=lambda p: share(p.own_idle, p.own_interval)),
    Feature(name="item_due", scope="pair", group="again", compute=lambda p: share(p.own_idle, interval(p))),
    Feature(name="category_share", scope="pair", group="kind", compute=lambda p: share_of(p, p.by_category, 2)),
    Feature(name="brand_share", scope="pair", group="kind", compute=lambda p: share_of(p, p.by_brand, 2)),
    Feature(name="price_ratio", scope="pair", group="price", compute=price_ratio),
    Feature(
        name="popular_gap",
        scope="pair",
        group="popular",
        compute=lambda p: np.log1p(p.takers) - p.popular[p.rows],
    ),
    Feature(name="proposers", scope="pair", group="agreement", compute=proposers),
    # the encoder's probability that the user takes the item
    Feature(name="interest", scope="pair", group="text", compute=lambda p: p.interest, monotone=1),
    Feature(name="like_last", scope="pair", group="text", compute=partial(likeness, last=1)),
    Feature(name="like_last_3", scope="pair", group="text", compute=partial(likeness, last=3)),
    Feature(name="like_last_5", scope="pair", group="text", compute=partial(likeness, last=LATEST)),
)
