"""What a log's items are worth, by a reward model that is learned from the log itself."""

import numpy as np

from recsys.evaluation.off_policy.judging.reward_model import Pairs, RewardModel
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.candidates import Candidates
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray

NAMES = ("score", "relevance", "place")
"""What is known of a candidate: its score, the same from 0 for the last to 1 for the best, and its place from 1."""

_AT_ONCE = 1_000_000
"""Candidates that are judged at a time."""


def learned(logged: Logged, *, seed: int = 0, threads: int = 1) -> Worths:
    """Of every candidate of every request that was logged with its candidates, and of any item in the others.

    A worth is a function of request and item, never of the list that was drawn, so it is told only by what was known
    before: a request whose candidates were not logged has one worth for all items.

    Raises:
        ShapeError: no rows, or no users beside those of a fold.
    """
    candidates, users, sizes = logged.candidates, logged.user_idx, np.diff(logged.indptr)
    values, entry = _values(candidates), _entries(logged)
    position, of_row = logged.position, np.repeat(users, sizes)
    shown = Pairs(
        values=_shown(values, entry),
        item_idx=np.where(entry < 0, -1, logged.item.codes).astype(np.int32),
        user_idx=of_row,
    )
    model = RewardModel.fit(shown, logged.reward, position=position, names=NAMES, seed=seed, threads=threads)
    del shown
    each, others = _each(model, logged, values), _others(model, users)
    worth = np.repeat(others, sizes)
    worth[entry >= 0] = each[entry[entry >= 0]]
    places = [model.places(np.full(len(users), j, np.int32), user_idx=users) for j in range(1, int(position.max()) + 1)]
    return Worths(
        predicted=worth * model.places(position, user_idx=of_row),
        each=each,
        others=others,
        looked=np.stack(places, axis=1),
    )


def _values(candidates: Candidates) -> FloatArray:
    """float32 (k, F): `NAMES` of each candidate; they come best first."""
    starts, sizes = candidates.indptr[:-1], candidates.sizes
    score = candidates.score
    filled = sizes > 0
    best, last = (np.repeat(score[at[filled]], sizes[filled]) for at in (starts, candidates.indptr[1:] - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        relevance = np.where(best == last, 0.0, (score - last) / (best - last))
    place = np.arange(len(score)) - np.repeat(starts, sizes) + 1
    return np.stack([score, relevance, place], axis=1).astype(np.float32)


def _entries(logged: Logged) -> LongArray:
    """int64 (m,): where among all candidates each row's item stands; -1 where it does not."""
    candidates, items = logged.candidates, len(logged.item.names)
    key = np.repeat(candidates.request, candidates.sizes) * items + candidates.item
    order = np.argsort(key, kind="stable")
    row = np.repeat(np.arange(len(logged)), np.diff(logged.indptr)) * items + logged.item.codes
    at = np.searchsorted(key, row, sorter=order)
    found = order[np.minimum(at, len(order) - 1)] if len(order) else np.full(len(row), -1)
    return np.where(key[found] == row, found, -1) if len(order) else found


def _shown(values: FloatArray, entry: LongArray) -> FloatArray:
    """float32 (m, F): of the entries; NaN for -1."""
    found = np.full((len(entry), len(NAMES)), np.nan, np.float32)
    known = entry >= 0
    found[known] = values[entry[known]]
    return found


def _each(model: RewardModel, logged: Logged, values: FloatArray) -> DoubleArray:
    """float64 (k,): the worth of each candidate."""
    candidates = logged.candidates
    whose = np.repeat(logged.user_idx[candidates.request], candidates.sizes)
    each = np.empty(len(values))
    for start in range(0, len(values), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        each[part] = model.items(Pairs(values=values[part], item_idx=candidates.item[part], user_idx=whose[part]))
    return each


def _others(model: RewardModel, users: IntArray) -> DoubleArray:
    """float64 (n,): the worth of an item of which nothing is known."""
    nothing = np.full((len(users), len(NAMES)), np.nan, np.float32)
    return model.items(Pairs(values=nothing, item_idx=np.full(len(users), -1, np.int32), user_idx=users))
