"""The features: one definition each, for training, batch and online."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking.pairs import Pairs
from recsys.ranking.reasons import Group
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray

Column = DoubleArray | FloatArray | LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number the ranker reads.

    Attributes:
        name: unique.
        scope: what it belongs to: user → `compute` gives (n,), item or pair → (m,).
        group: what it is about, in an explanation.
        compute: from what is known before an instant; NaN means missing. Kept as float32.
        monotone: 1 where more of it can only speak for the item, -1 where only against it, 0 where it depends.
    """

    name: str
    scope: Literal["user", "item", "pair"]
    group: Group
    compute: Callable[[Pairs], Column]
    monotone: Literal[-1, 0, 1] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTable:
    """Feature values of pairs in compressed rows.

    Attributes:
        names: of the columns.
        values: float32 (m, len(names)), NaN where missing.
        indptr: int64 (n + 1,), the pairs of user u are indptr[u]:indptr[u + 1].
        item_idx: int32 (m,).
    """

    names: tuple[str, ...]
    values: FloatArray
    indptr: LongArray
    item_idx: IntArray

    def select(self, names: Sequence[str]) -> "FeatureTable":
        """Only the named columns, in the given order.

        Raises:
            ShapeError: a name that is not there.
        """
        if tuple(names) == self.names:
            return self
        missing = sorted(set(names) - set(self.names))
        if missing:
            raise ShapeError(
                f"The ranker reads feature {missing[0]!r}, which this version does not make; train the ranker again."
            )
        values = np.ascontiguousarray(self.values[:, [self.names.index(name) for name in names]])
        return FeatureTable(names=tuple(names), values=values, indptr=self.indptr, item_idx=self.item_idx)


def build(pairs: Pairs, features: Sequence[Feature]) -> FeatureTable:
    """Compute features of pairs; a row depends on its user's history and the items only."""
    values = np.empty((len(pairs.rows), len(features)), np.float32, order="F")
    for column, feature in enumerate(features):
        computed = feature.compute(pairs)
        values[:, column] = computed[pairs.rows] if feature.scope == "user" else computed
    return FeatureTable(
        names=tuple(feature.name for feature in features),
        values=np.ascontiguousarray(values),
        indptr=pairs.candidates.indptr,
        item_idx=pairs.candidates.item_idx,
    )
