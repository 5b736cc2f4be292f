"""What an item is worth at a place, learned from a log without looking at the user it is asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking.trees import Trees, regress
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray

FOLDS = 3
"""Parts that the users are put into; a user's rows are judged by what the other parts taught."""

MOST_ROWS = 1_000_000
"""Rows that a fold learns from at most, drawn at random."""

_PRIOR_ROWS = 100
"""A position's share starts as that of all positions, which counts like so many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardModel:
    """q(x, a, j) = examination_j · worth(x, a): that a place is looked at, times what the item there is worth.

    The position-based model of clicks (Craswell et al. 2008), its second factor a LightGBM regression. Cross-fitted
    (Chernozhukov et al. 2018): whoever asks about a user is answered by models that never saw them, so that what is
    learned from a reward is not used to predict it.

    Attributes:
        worth: of each fold, learned from the users of the others.
        examination: float64 (FOLDS, positions), 1 on average over the rows learned from.
    """

    worth: tuple[Trees, ...]
    examination: DoubleArray

    @classmethod
    def fit(
        cls,
        values: FloatArray,
        reward: DoubleArray,
        *,
        position: IntArray,
        user_idx: IntArray,
        names: Sequence[str],
        seed: int = 0,
        threads: int = 1,
    ) -> "RewardModel":
        """Learn from the rows that were shown.

        Args:
            values: float32 (m, F), what is known of item and request before it was shown; NaN where missing.
            reward: float64 (m,), ≥ 0.
            position: int32 (m,), from 1.
            user_idx: int32 (m,), ≥ 0.
            names: of the F columns.
            seed: of folds, rows and trees.
            threads: CPU threads.

        Raises:
            ShapeError: arrays that do not fit each other, or no users beside those of a fold.
        """
        _check(values, reward, position, user_idx)
        folds = _folds(user_idx)
        learned = [
            _fold(
                values, reward, position, np.flatnonzero(folds != fold), names=names, seed=seed + fold, threads=threads
            )
            for fold in range(FOLDS)
        ]
        return cls(worth=tuple(trees for trees, _ in learned), examination=np.stack([curve for _, curve in learned]))

    def items(self, values: FloatArray, *, user_idx: IntArray) -> DoubleArray:
        """float64 (m,): worth(x, a) of rows of values (m, F) for users (m,)."""
        out, folds = np.empty(len(values)), _folds(user_idx)
        for fold, trees in enumerate(self.worth):
            own = np.flatnonzero(folds == fold)
            out[own] = trees.predict(values[own])
        return out

    def places(self, position: IntArray, *, user_idx: IntArray) -> DoubleArray:
        """float64 (m,): examination_j of positions (m,), from 1, for users (m,); beyond the last, the last one's."""
        last = self.examination.shape[1]
        return np.asarray(self.examination[_folds(user_idx), np.minimum(position, last) - 1], np.float64)


def _fold(
    values: FloatArray,
    reward: DoubleArray,
    position: IntArray,
    rows: LongArray,
    *,
    names: Sequence[str],
    seed: int,
    threads: int,
) -> tuple[Trees, DoubleArray]:
    if not len(rows):
        raise ShapeError(
            f"Expected users in at least two of {FOLDS} folds, got one; a model needs others to learn from."
        )
    curve = _examination(reward[rows], position[rows], int(position.max()))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    looked = curve[position[rows] - 1]
    # Σ (reward - looked · worth)², as least squares of reward / looked
    label = np.divide(reward[rows], looked, out=np.zeros(len(rows)), where=looked > 0)
    return regress(values[rows], label, looked**2, names=names, seed=seed, threads=threads), curve


def _examination(reward: DoubleArray, position: IntArray, last: int) -> DoubleArray:
    """float64 (last,): mean reward of each position over that of all, drawn to 1 where a position has few rows."""
    mean = reward.mean()
    if mean == 0:
        return np.ones(last)
    sums = np.bincount(position - 1, reward, minlength=last)
    rows = np.bincount(position - 1, minlength=last)
    return np.asarray((sums / mean + _PRIOR_ROWS) / (rows + _PRIOR_ROWS), np.float64)


def _folds(user_idx: IntArray) -> LongArray:
    """int64 (m,): by a hash of the user (Knuth's), so that neighbours in a sorted log do not go together."""
    return (user_idx.astype(np.int64) * 2654435761 % 2**32) * FOLDS >> 32


def _check(values: FloatArray, reward: DoubleArray, position: IntArray, user_idx: IntArray) -> None:
    sizes = {len(values), len(reward), len(position), len(user_idx)}
    if len(sizes) > 1 or not len(values):
        raise ShapeError(
            f"Expected as many rows in each array, at least one, got {sorted(sizes)}; take all from one log."
        )
    if position.min() < 1 or user_idx.min() < 0:
        raise ShapeError(
            f"Expected positions from 1 and users from 0, got {position.min()} and {user_idx.min()}; "
            "leave rows without either out."
        )
