"""What the ranker knows of what task heads read in the items' texts."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from recsys.ranking.counters import decay
from recsys.ranking.features import Feature
from recsys.ranking.pairs import Pairs
from recsys.ranking.user_features import share
from recsys.retrieval.traits import Trait
from recsys.schema import DoubleArray, IntArray, LongArray


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
    event, attribute, value = _entries(presence, taken.item_idx)
    keys, which = np.unique(taken.rows[event] * presence.shape[1] + attribute, return_inverse=True)
    kept = np.zeros(len(keys) + 1)
    np.maximum.at(kept, which, value * fresh[event])
    pair, attribute, value = _entries(presence, pairs.candidates.item_idx)
    wanted = pairs.rows[pair] * presence.shape[1] + attribute
    at = np.searchsorted(keys, wanted)
    known = np.append(keys, -1)[at] == wanted
    m = len(pairs.rows)
    part = np.bincount(pair, value * np.where(known, kept[at], 0), minlength=m).astype(np.float64)
    whole = np.bincount(pair, value, minlength=m).astype(np.float64)
    some = np.diff(taken.indptr)[pairs.rows] > 0
    return np.where(some, share(part, whole), np.nan)


def _entries(presence: csr_array, items: IntArray) -> tuple[LongArray, LongArray, DoubleArray]:
    """For every attribute of every given item: the item's place in `items`, the attribute, and how present it is."""
    starts, sizes = presence.indptr[items], np.diff(presence.indptr)[items]
    place = np.repeat(np.arange(len(items)), sizes)
    entry = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(starts, sizes)
    return place, presence.indices[entry].astype(np.int64), presence.data[entry]


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
