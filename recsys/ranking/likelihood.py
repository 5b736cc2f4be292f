"""How likely a policy was to give lists that another one gave: what off-policy evaluation weighs them by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking.policy import Policy
from recsys.ranking.rulebook import Rulebook
from recsys.ranking.scored import Scored
from recsys.ranking.selection import Start
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """Of n lists with m places in all.

    Attributes:
        probability: float64 (m,), P(the item at this place | those above it); 0 from the first place on that the policy
            could not have filled like that.
        outside: float64 (n,), how likely the policy leaves the items that the list was drawn from, at one of the places
            before which list and policy agree, or at the first one below a list that ended before its k:
            1 - Π_j (1 - what it gives to others at place j). NaN where they are unknown.
    """

    probability: DoubleArray
    outside: DoubleArray


def likelihood(
    found: Scored,
    rules: Rulebook,
    vectors: FloatArray,
    policy: Policy,
    *,
    indptr: LongArray,
    item_idx: IntArray,
    k: Sequence[int | None],
    drawn_from: BoolArray | None = None,
) -> Likelihood:
    """How likely `selection.select` was to draw given lists, place by place; nobody asks where one ends.

    Args:
        found: the policy's own candidates for each of n requests.
        rules: of the same catalogue.
        vectors: float32 (n_items, d), unit rows.
        policy: who draws; `EpsilonGreedy(epsilon=0)` where the best is next.
        indptr: int64 (n + 1,), list r holds places indptr[r]:indptr[r + 1].
        item_idx: int32 (m,), the lists; -1 for an item that the catalogue does not know.
        k: how many items each list was to have; None where all candidates were put in order.
        drawn_from: bool (n, n_items), what each list was drawn from; None where that is unknown.

    Raises:
        ShapeError: not as many lists as requests.
    """
    if len(indptr) - 1 != len(found) or len(k) != len(found):
        raise ShapeError(
            f"Expected a list and its k for each of {len(found)} requests, got {len(indptr) - 1} and {len(k)}."
        )
    probability, outside = np.zeros(len(item_idx)), np.full(len(found), np.nan)
    for row in range(len(found)):
        own = slice(int(found.indptr[row]), int(found.indptr[row + 1]))
        start = Start.of(found, own, rules, vectors, k[row], None)
        listed = item_idx[indptr[row] : indptr[row + 1]]
        foreign = None if drawn_from is None else ~drawn_from[row, start.items]
        chances, left = _followed(start, listed, policy, k[row], foreign)
        probability[indptr[row] : indptr[row + 1]] = chances
        if drawn_from is not None:
            outside[row] = left
    return Likelihood(probability=probability, outside=outside)


def _followed(
    start: Start, listed: IntArray, policy: Policy, k: int | None, foreign: BoolArray | None
) -> tuple[DoubleArray, float]:
    """How likely each place was, and how likely the policy was to take a `foreign` entry, bool (m,), at one of them."""
    chances, kept = np.zeros(len(listed)), 1.0
    entry_of = {item: entry for entry, item in enumerate(start.items.tolist())}
    pins, free = dict(sorted(start.pins.items())), (len(start.items) if k is None else k) - len(start.pins)
    left = np.ones(len(start.items), np.bool_)
    left[list(pins.values())] = False
    for place, item in enumerate(listed.tolist()):
        entry = entry_of.get(item, -1)
        if place + 1 in pins or (pins and not _goes_on(start, free)):  # a pin below the last place moves up to it
            chances[place] = entry == pins.pop(place + 1 if place + 1 in pins else min(pins))
        elif _goes_on(start, free):
            entries, value = start.draft.choices(free, start.pool)
            chance = policy.chances(value)
            kept *= 1.0 if foreign is None else 1 - chance[foreign[entries]].sum()
            chances[place] = chance[entries == entry].sum()
            if chances[place] > 0:
                left[entry] = False
                start.draft.take(entry)
                start.pool.add(entry)
                free -= 1
        elif k is None and left.any():  # what caps have shut out comes last, by value
            chances[place] = entry == left.argmax()
            left[left.argmax()] = False
        if chances[place] == 0:
            return chances, 1 - kept
    if k is not None and foreign is not None and _goes_on(start, free):  # the list has ended, the policy would go on
        entries, value = start.draft.choices(free, start.pool)
        kept *= 1 - policy.chances(value)[foreign[entries]].sum()
    return chances, 1 - kept


def _goes_on(start: Start, free: int) -> bool:
    """Whether another place is filled by choice."""
    return free > 0 and bool(start.draft.open.any())
