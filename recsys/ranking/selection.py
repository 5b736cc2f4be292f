"""From scored candidates to lists, by the shop's rules in a fixed order.

1. masks have left out what may not be shown (`rules.py`), before anything was scored;
2. boosts are added to the score and prices of exposure taken off, in units of the spread of the user's scores;
3. pins take their places;
4. the other places are filled from the first on, each by the item with the highest value less redundancy that no cap
   shuts out; as soon as quotas need all the places left, only by items that they ask for.

A list depends on its user's candidates alone, whoever else is asked for.
"""

from dataclasses import dataclass

import numpy as np

from recsys.ranking.config import DiversityConfig
from recsys.ranking.diversity import Pool
from recsys.ranking.draft import Draft, Drawing, Pick
from recsys.ranking.policy import Exploration
from recsys.ranking.recommendations import FlagArray, Recommendations
from recsys.ranking.relevance import relevance
from recsys.ranking.rulebook import PINNED, Rulebook
from recsys.ranking.scored import Scored
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray


def select(
    found: Scored, rules: Rulebook, vectors: FloatArray, *, k: int | None, exploration: Exploration | None = None
) -> Recommendations:
    """Each user's list.

    Args:
        found: the candidates.
        rules: of the same catalogue.
        vectors: float32 (n_items, d), unit rows; items are alike as these are.
        k: length of a list; None orders all candidates: those over a cap come last, quotas ask for nothing.
        exploration: draws in place of the best; None where the best is next.
    """
    if rules.idle and exploration is None:
        place = np.arange(len(found.item_idx)) - found.indptr[found.rows]
        entries = np.arange(len(place)) if k is None else np.flatnonzero(place < k)
        return found.picked(entries, np.zeros(len(entries), np.uint64), ())
    drawings: list[Drawing | None] = (
        [None] * len(found) if exploration is None else [(exploration.policy, each) for each in exploration.sources]
    )
    lists = [
        _list(found, slice(int(start), int(end)), rules, vectors, k, drawing)
        for start, end, drawing in zip(found.indptr[:-1], found.indptr[1:], drawings, strict=True)
    ]
    return found.picked(
        np.concatenate([np.zeros(0, np.int64), *(entries for entries, _, _ in lists)]),
        np.concatenate([np.zeros(0, np.uint64), *(flags for _, flags, _ in lists)]),
        rules.names,
        np.concatenate([np.zeros(0, np.float32), *(chances for _, _, chances in lists)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One list before its first place is filled.

    Attributes:
        order: int64 (m,), the candidates of the user by falling value, as they stand in their row.
        items: int32 (m,), who they are.
        pins: rank → entry, of pinned items that have their place; they are taken.
        draft: what may be taken.
        pool: what trades places for diversity.
    """

    order: LongArray
    items: IntArray
    pins: dict[int, int]
    draft: Draft
    pool: Pool

    @classmethod
    def of(
        cls, found: Scored, row: slice, rules: Rulebook, vectors: FloatArray, k: int | None, drawing: Drawing | None
    ) -> "Start":
        """Of the candidates in a row; the rest as for `select`."""
        diversity, score = rules.config.diversity, found.score[row]
        may = np.ones(len(score), np.bool_) if k is None else found.listable[row]
        value = relevance(score, score[may], diversity.depth) + rules.lift(found.item_idx[row])
        order = np.argsort(-value, kind="stable")
        items, value = found.item_idx[row][order], value[order]
        pins = _pins(items, found.pinnable[row][order], rules, k)
        quotas = () if k is None else rules.config.quotas
        draft = Draft.of(items, value, rules, may=may[order], quotas=quotas, drawing=drawing)
        pool = _pool(items, value, list(pins.values()), diversity, vectors)
        for entry in pins.values():
            draft.take(entry)
            pool.add(entry)
        return cls(order=order, items=items, pins=pins, draft=draft, pool=pool)


def _list(
    found: Scored, row: slice, rules: Rulebook, vectors: FloatArray, k: int | None, drawing: Drawing | None
) -> tuple[LongArray, FlagArray, FloatArray]:
    """Entries of one user, best first or as they were drawn, what moved each, and how likely each was."""
    start = Start.of(found, row, rules, vectors, k, drawing)
    picks = start.draft.filled((len(start.items) if k is None else k) - len(start.pins), start.pool)
    for rank, entry in sorted(start.pins.items()):
        picks.insert(rank - 1, (entry, PINNED, 1.0))
    if k is None:
        last = np.setdiff1d(np.arange(len(start.items)), [entry for entry, _, _ in picks])
        picks += [(int(entry), int(start.draft.over[entry]), 1.0) for entry in last]
    return _columns(picks, row.start + start.order, rules.flags(start.items))


def _columns(picks: list[Pick], entries: LongArray, flags: FlagArray) -> tuple[LongArray, FlagArray, FloatArray]:
    """Of what was picked: entries of all users, all that moved each, and how likely each was."""
    places = np.array([place for place, _, _ in picks], np.int64)
    moved = np.array([bits for _, bits, _ in picks], np.uint64)
    return entries[places], moved | flags[places], np.array([chance for _, _, chance in picks], np.float32)


def _pins(items: IntArray, pinnable: BoolArray, rules: Rulebook, k: int | None) -> dict[int, int]:
    """Rank → entry, of the pinned items that are there and stand within the list."""
    entry_of = {int(items[entry]): int(entry) for entry in np.flatnonzero(pinnable)}
    wanted = ((rank, entry_of.get(item)) for rank, item in rules.pins.items() if k is None or rank <= k)
    return {rank: entry for rank, entry in wanted if entry is not None}


def _pool(
    items: IntArray, value: DoubleArray, pins: list[int], diversity: DiversityConfig, vectors: FloatArray
) -> Pool:
    """The first candidates and the pinned ones; none where the order is by value alone."""
    depth = min(diversity.depth, len(items)) if diversity.strength > 0 else 0
    entries = np.union1d(np.arange(depth), pins if depth else []).astype(np.int64)
    return Pool.of(entries, value[entries], vectors[items[entries]], diversity)
