"""What the ranker knows of what task heads read in the items' texts."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from recsys.ranking.counters import decay
from recsys.ranking.features import Family, Feature
from recsys.ranking.pairs import Pairs
from recsys.retrieval.sparse_rows import entries
from recsys.retrieval.traits import Trait
from recsys.schema import DoubleArray, FloatArray


def fill(pairs: Pairs, out: FloatArray, *, trait: Trait) -> None:
    """Every column of a trait, float32 (columns + 1, m)."""
    out[:-1] = trait.levels[pairs.candidates.item_idx].T
    out[-1] = overlap(pairs, trait)


def overlap(pairs: Pairs, trait: Trait) -> DoubleArray:
    """What share of the item's attributes the user has taken before, each as far as it is not forgotten.

    An attribute last taken `a` days ago counts 2^(-a / longest half-life); a class counts as far as it is likely, on
    both sides. NaN without a history or without attributes.
    """
    presence, taken = trait.presence, pairs.taken
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
    found = np.full(m, np.nan)
    np.divide(part, whole, out=found, where=some & (whole > 0))
    return found


def trait_family(trait: Trait) -> Family:
    """`head_label` of the item for every label, and `head_overlap` of user and item.

    A label's is how likely the class is of the item, or how many things of the type its text names.
    """
    levels = [Feature(name=name, scope="item", group="text") for name in trait.feature_names]
    beside = Feature(name=f"{trait.name}_overlap", scope="pair", group="text")
    return Family(features=(*levels, beside), fill=partial(fill, trait=trait))


def trait_families(traits: Sequence[Trait]) -> tuple[Family, ...]:
    """One for each."""
    return tuple(trait_family(trait) for trait in traits)


def trait_features(traits: Sequence[Trait]) -> tuple[Feature, ...]:
    """All of them."""
    return tuple(feature for family in trait_families(traits) for feature in family.features)
