"""What the ranker knows of what task heads read in the items' texts."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from recsys.ranking.counters import decay
from recsys.ranking.features import Feature
from recsys.ranking.pairs import Pairs
from recsys.ranking.user_features import share
from recsys.retrieval.sparse_rows import entries
from recsys.retrieval.traits import Trait
from recsys.schema import DoubleArray


def level(pairs: Pairs, trait: int, label: int) -> DoubleArray:
    """How likely a class is of the item, or how many things of a type its text names."""
    return np.asarray(pairs.traits[trait].levels[pairs.candidates.item_idx, label], np.float64)


def overlap(pairs: Pairs, trait: int) -> DoubleArray:
    """What share of the item's attributes the user has taken before, each as far as it is not forgotten.

    An attribute last taken `a` days ago counts 2^(-a / longest half-life); a class counts as far as it is likely, on
    both sides. NaN without a history or without attributes.
    """
    presence, taken = pairs.traits[trait].presence, pairs.taken
    fresh = decay(taken.at, as_of=pairs.as_of, half_life=pairs.items.half_lives[-1], day=pairs.items.day)
    event, entry = entries(presence, taken.item_idx)
    keys, which = np.unique(taken.rows[event] * presence.shape[1] + presence.indices[entry], return_inverse=True)
    kept = np.zeros(len(keys) + 1)
    np.maximum.at(kept, which, presence.data[entry] * fresh[event])
    pair, entry = entries(presence, pairs.candidates.item_idx)
    wanted, value = pairs.rows[pair] * presence.shape[1] + presence.indices[entry], presence.data[entry]
    at = np.searchsorted(keys, wanted)
    known = np.append(keys, -1)[at] == wanted
    m = len(pairs.rows)
    part = np.bincount(pair, value * np.where(known, kept[at], 0), minlength=m).astype(np.float64)
    whole = np.bincount(pair, value, minlength=m).astype(np.float64)
    some = np.diff(taken.indptr)[pairs.rows] > 0
    return np.where(some, share(part, whole), np.nan)


def trait_features(traits: Sequence[Trait]) -> tuple[Feature, ...]:
    """`head_label` of the item for every label, and `head_overlap` of user and item."""
    return tuple(
        feature
        for place, trait in enumerate(traits)
        for feature in (
            *(
                Feature(name=name, scope="item", group="text", compute=partial(level, trait=place, label=column))
                for column, name in enumerate(trait.feature_names)
            ),
            Feature(name=f"{trait.name}_overlap", scope="pair", group="text", compute=partial(overlap, trait=place)),
        )
    )
