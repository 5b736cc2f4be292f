"""What an item is worth at a place, learned from a log without looking at the user it is asked about."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking.trees import Trees, regress
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray

FOLDS = 3
"""Parts that the users are put into; a user's rows are judged by what the other parts taught."""

MOST_ROWS = 1_000_000
"""Rows that a fold learns from at most, drawn at random."""

_PRIOR_ROWS = 100
"""A position's share starts as that of all positions, an item's as that of all items, which count like so many rows."""

_ITEM = "item_mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """m items, each before a user.

    Attributes:
        values: float32 (m, F), what is known of item and request before it is shown; NaN where missing.
        item_idx: int32 (m,), -1 for an item that nothing is known of.
        user_idx: int32 (m,), ≥ 0.

    Raises:
        ShapeError: arrays that do not fit each other.
    """

    values: FloatArray
    item_idx: IntArray
    user_idx: IntArray

    def __post_init__(self) -> None:
        _fit(self.values, self.item_idx, self.user_idx)
        if len(self) and self.user_idx.min() < 0:
            raise ShapeError(f"Expected users from 0, got {self.user_idx.min()}; leave rows without one out.")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def fold(self) -> LongArray:
        """int64 (m,): by a hash of the user (Knuth's), so that neighbours in a sorted log do not go together."""
        return folds(self.user_idx)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardModel:
    """q(x, a, j) = examination_j · worth(x, a): that a place is looked at, times what the item there is worth.

    The position-based model of clicks (Craswell et al. 2008), its second factor a LightGBM regression on what is given
    and on what the item earned. Cross-fitted (Chernozhukov et al. 2018): whoever asks about a user is answered by
    models that never saw them, so that what is learned from a reward is not used to predict it.

    Attributes:
        worth: of each fold, learned from the users of the others.
        earned: float32 (FOLDS, items + 1), of each item and of any other, by the users of the others.
        examination: float64 (FOLDS, positions), 1 on average over the rows learned from.
    """

    worth: tuple[Trees, ...]
    earned: FloatArray
    examination: DoubleArray

    @classmethod
    def fit(
        cls,
        pairs: Pairs,
        reward: DoubleArray,
        *,
        position: IntArray,
        names: Sequence[str],
        seed: int = 0,
        threads: int = 1,
    ) -> "RewardModel":
        """Learn from the rows that were shown.

        Args:
            pairs: m of them.
            reward: float64 (m,), ≥ 0.
            position: int32 (m,), from 1.
            names: of the F columns of values.
            seed: of rows and trees.
            threads: CPU threads, a fold each.

        Raises:
            ShapeError: no rows, arrays that do not fit each other, or no users beside those of a fold.
        """
        _fit(pairs.values, reward, position)
        if not len(pairs):
            raise ShapeError("Expected rows to learn rewards from, got none; log some answers.")
        if position.min() < 1:
            raise ShapeError(f"Expected positions from 1, got {position.min()}; leave rows without a place out.")
        ledger = [_Ledger.of(pairs, reward, position, fold) for fold in range(FOLDS)]
        learn = partial(_Ledger.learn, pairs=pairs, reward=reward, position=position, names=(*names, _ITEM))
        with ThreadPoolExecutor(min(threads, FOLDS)) as pool:
            learned = pool.map(lambda n: learn(ledger[n], seed=seed + n), range(FOLDS))
        return cls(
            worth=tuple(learned),
            earned=np.stack([each.means(each.others) for each in ledger]),
            examination=np.stack([each.curve for each in ledger]),
        )

    def items(self, pairs: Pairs) -> DoubleArray:
        """float64 (m,): worth(x, a)."""
        out, fold = np.empty(len(pairs)), pairs.fold
        for n, trees in enumerate(self.worth):
            own = np.flatnonzero(fold == n)
            out[own] = trees.predict(_beside(pairs.values[own], self.earned[n], pairs.item_idx[own]))
        return out

    def places(self, position: IntArray, *, user_idx: IntArray) -> DoubleArray:
        """float64 (m,): examination_j of positions (m,), from 1, for users (m,); beyond the last, the last one's."""
        last = self.examination.shape[1]
        return np.asarray(self.examination[folds(user_idx), np.minimum(position, last) - 1], np.float64)


def folds(user_idx: IntArray) -> LongArray:
    """int64 (m,): the fold of each user."""
    return (user_idx.astype(np.int64) * 2654435761 % 2**32) * FOLDS >> 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ledger:
    """What the folds but one earned.

    Attributes:
        rows: int64, theirs.
        others: which folds.
        curve: float64 (positions,), examination.
        reward, looked: float64 (FOLDS, items), sums over the rows of each fold; those of the one left out stay 0.
    """

    rows: LongArray
    others: tuple[int, ...]
    curve: DoubleArray
    reward: DoubleArray
    looked: DoubleArray

    @classmethod
    def of(cls, pairs: Pairs, reward: DoubleArray, position: IntArray, left_out: int) -> "_Ledger":
        fold = pairs.fold
        rows = np.flatnonzero(fold != left_out)
        if not len(rows):
            raise ShapeError(
                f"Expected users in at least two of {FOLDS} folds, got one; a model needs others to learn from."
            )
        curve = _examination(reward[rows], position[rows], int(position.max()))
        known = rows[pairs.item_idx[rows] >= 0]
        n_items = int(pairs.item_idx.max()) + 1
        cell = fold[known] * n_items + pairs.item_idx[known]
        earned, looked = (
            np.bincount(cell, each, minlength=FOLDS * n_items).reshape(FOLDS, n_items).astype(np.float64)
            for each in (reward[known], curve[position[known] - 1])
        )
        others = tuple(n for n in range(FOLDS) if n != left_out)
        return cls(rows=rows, others=others, curve=curve, reward=earned, looked=looked)

    def means(self, of: Sequence[int]) -> FloatArray:
        """float32 (items + 1,): what each item earned in some folds, drawn to the mean of all, which is the last."""
        reward, looked = self.reward[list(of)].sum(0), self.looked[list(of)].sum(0)
        total = self.looked.sum()
        mean = self.reward.sum() / total if total > 0 else 0.0
        return np.append((reward + _PRIOR_ROWS * mean) / (looked + _PRIOR_ROWS), mean).astype(np.float32)

    def learn(
        self,
        pairs: Pairs,
        reward: DoubleArray,
        position: IntArray,
        *,
        names: Sequence[str],
        seed: int,
    ) -> Trees:
        """The trees of the fold that was left out; what a row's item earned is told by the other fold alone.

        One thread: several wait for each other at each split, five times as long where others work beside them.
        """
        rows = self.rows
        if len(rows) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
        item, fold = pairs.item_idx[rows], pairs.fold[rows]
        values = _beside(pairs.values[rows], self.means(self.others[1:]), item)
        second = fold == self.others[1]
        values[second, -1] = self.means(self.others[:1])[item[second]]
        looked = self.curve[position[rows] - 1]
        # Σ (reward - looked · worth)², as least squares of reward / looked
        label = np.divide(reward[rows], looked, out=np.zeros(len(rows)), where=looked > 0)
        return regress(values, label, looked**2, names=names, seed=seed, threads=1)


def _beside(values: FloatArray, earned: FloatArray, item_idx: IntArray) -> FloatArray:
    """float32 (m, F + 1): what an item earned, as the last column; of one that nobody was shown, what any did."""
    known = np.where(item_idx < len(earned) - 1, item_idx, -1)
    return np.column_stack([values, earned[known]]).astype(np.float32, copy=False)


def _examination(reward: DoubleArray, position: IntArray, last: int) -> DoubleArray:
    """float64 (last,): mean reward of each position over that of all, drawn to 1 where a position has few rows."""
    mean = reward.mean()
    if mean == 0:
        return np.ones(last)
    sums = np.bincount(position - 1, reward, minlength=last)
    rows = np.bincount(position - 1, minlength=last)
    return np.asarray((sums / mean + _PRIOR_ROWS) / (rows + _PRIOR_ROWS), np.float64)


def _fit(*arrays: FloatArray | DoubleArray | IntArray) -> None:
    sizes = sorted({len(each) for each in arrays})
    if len(sizes) > 1:
        raise ShapeError(f"Expected as many rows in each array, got {sizes}; take all from one log.")
