"""All features in the order of their columns."""

from collections.abc import Sequence

from recsys.errors import ShapeError
from recsys.ranking.features import Feature, FeatureTable, build
from recsys.ranking.item_features import ITEMS
from recsys.ranking.pair_features import EVERY_SOURCE, PAIRS
from recsys.ranking.pairs import Pairs
from recsys.ranking.trait_features import trait_families, trait_features
from recsys.ranking.user_features import USERS
from recsys.retrieval.traits import Trait

FAMILIES = (USERS, ITEMS, PAIRS, EVERY_SOURCE)

FEATURES = tuple(feature for family in FAMILIES for feature in family.features)
"""Every feature but those of task heads; a name stands once."""

FEATURE_NAMES = tuple(feature.name for feature in FEATURES)

TEXT_FEATURES = frozenset(feature.name for feature in FEATURES if feature.group == "text")
"""Features that owe something to the text encoder: an ablation leaves them out."""


def features(traits: Sequence[Trait]) -> tuple[Feature, ...]:
    """Every feature, those of task heads last.

    Raises:
        ShapeError: a name that stands twice.
    """
    every = (*FEATURES, *trait_features(traits))
    names = [feature.name for feature in every]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ShapeError(f"Expected features of different names, got two {twice!r}; rename the head's folder or label.")
    return every


_DIRECTIONS = {feature.name: feature.monotone for feature in FEATURES}


def directions(names: Sequence[str]) -> list[int]:
    """`Feature.monotone` of features by name; 0 for those of task heads."""
    return [_DIRECTIONS.get(name, 0) for name in names]


def text_features(traits: Sequence[Trait]) -> frozenset[str]:
    """`TEXT_FEATURES` and those of task heads."""
    return TEXT_FEATURES | {feature.name for feature in trait_features(traits)}


def feature_table(pairs: Pairs) -> FeatureTable:
    """All features of pairs."""
    return build(pairs, (*FAMILIES, *trait_families(pairs.traits)))
