"""All features in the order of their columns."""

from recsys.ranking.features import FeatureTable, build
from recsys.ranking.item_features import ITEM_FEATURES
from recsys.ranking.pair_features import PAIR_FEATURES, SOURCE_FEATURES
from recsys.ranking.pairs import Pairs
from recsys.ranking.user_features import USER_FEATURES

FEATURES = (*USER_FEATURES, *ITEM_FEATURES, *PAIR_FEATURES, *SOURCE_FEATURES)
"""Every feature; a name stands once."""

FEATURE_NAMES = tuple(feature.name for feature in FEATURES)

TEXT_FEATURES = frozenset(
    feature.name
    for feature in FEATURES
    if feature.name == "interest" or feature.name.startswith("like_") or "_text" in feature.name
)
"""Features that owe something to the text encoder: an ablation leaves them out."""


def feature_table(pairs: Pairs) -> FeatureTable:
    """All features of pairs."""
    return build(pairs, FEATURES)
