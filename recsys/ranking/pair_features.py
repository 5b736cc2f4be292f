"""What the ranker knows of a user and an item together."""

from typing import Literal

import numpy as np

from recsys.ranking import kernels
from recsys.ranking.features import Family, Feature
from recsys.ranking.pairs import Pairs, likeness
from recsys.ranking.reasons import SOURCE_GROUPS
from recsys.retrieval.candidates import SOURCES
from recsys.schema import FloatArray

PAIR_FEATURES = (
    # positive events of the user with the item, their distinct instants, their decayed weight
    Feature(name="own_takes", scope="pair", group="again"),
    Feature(name="own_visits", scope="pair", group="again"),
    *(Feature(name=f"own_recent_{h}", scope="pair", group="again") for h in range(3)),
    # what part of the user's decayed weight falls to the item
    Feature(name="own_share", scope="pair", group="again"),
    # days since the user last took the item; NaN if never
    Feature(name="own_idle", scope="pair", group="again"),
    # mean days between the user's takes of the item; NaN before the second
    Feature(name="own_interval", scope="pair", group="again"),
    # own_idle in parts of it, and of the item's interval over all users
    Feature(name="own_due", scope="pair", group="again"),
    Feature(name="item_due", scope="pair", group="again"),
    # what part of the user's decayed weight falls to the item's category, and to its brand
    Feature(name="category_share", scope="pair", group="kind"),
    Feature(name="brand_share", scope="pair", group="kind"),
    # logarithm of the price beside the user's mean price
    Feature(name="price_ratio", scope="pair", group="price"),
    # logarithm of 1 + the takers, less the user's mean of it
    Feature(name="popular_gap", scope="pair", group="popular"),
    # how many sources propose the item
    Feature(name="proposers", scope="pair", group="agreement"),
    # the encoder's probability that the user takes the item
    Feature(name="interest", scope="pair", group="text", monotone=1),
    # the highest text cosine to the user's last items; NaN without a history
    Feature(name="like_last", scope="pair", group="text"),
    Feature(name="like_last_3", scope="pair", group="text"),
    Feature(name="like_last_5", scope="pair", group="text"),
)


def fill(pairs: Pairs, out: FloatArray) -> None:
    """Every column, float32 (19, m)."""
    items, taken, candidates = pairs.items, pairs.taken, pairs.candidates
    kernels.own(
        taken.indptr,
        taken.item_idx,
        taken.at,
        pairs.weights,
        candidates.indptr,
        candidates.item_idx,
        items.category,
        items.brand,
        items.spans,
        items.gaps,
        pairs.as_of,
        items.day,
        out,
    )
    price, popular = pairs.users[-2:]
    beside = np.empty((2, len(candidates.item_idx)))
    kernels.beside(candidates.indptr, candidates.item_idx, items.price, price, items.takers, beside)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[12] = np.log(beside[0])
    out[13] = np.log1p(beside[1]) - (popular if len(popular) == 1 else popular[pairs.rows])
    out[14], out[15] = np.bitwise_count(candidates.sources), pairs.interest
    likeness(taken, candidates, pairs.vectors, out[16:])


PAIRS = Family(features=PAIR_FEATURES, fill=fill)

BELIEVED = frozenset(SOURCES) - {"disliked", "own", "text_neighbours", "lexical"}
"""Sources whose higher score can only speak for an item: each is a model of who takes what next. Of the others, being
like what was turned down may go either way; what was taken a moment ago may be needed no more, or again; and what reads
like it may replace it."""


_VIEWS: tuple[tuple[str, Literal[-1, 1]], ...] = (("score", 1), ("relative", 1), ("place", -1))
"""A source's score of the pair; the same beside its best for the user, 0 where it knows nothing; and how many items it
puts before this one, as far as it proposes."""

SOURCE_FEATURES = tuple(
    Feature(
        name=f"{name}_{source}",
        scope="pair",
        group=SOURCE_GROUPS[source],
        monotone=sign if source in BELIEVED else 0,
    )
    for source in SOURCES
    for name, sign in _VIEWS
)


def fill_sources(pairs: Pairs, out: FloatArray) -> None:
    """Every column, float32 (3 · n_sources, m)."""
    kernels.sources(pairs.candidates.scores.T, pairs.candidates.best, pairs.candidates.indptr, out)


EVERY_SOURCE = Family(features=SOURCE_FEATURES, fill=fill_sources)
