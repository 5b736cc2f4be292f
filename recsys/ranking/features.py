"""The features: one definition each, for training, batch and online."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking.pairs import Pairs
from recsys.ranking.reasons import Group
from recsys.schema import FloatArray, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number the ranker reads.

    Attributes:
        name: unique.
        scope: what it belongs to.
        group: what it is about, in an explanation.
        monotone: 1 where more of it can only speak for the item, -1 where only against it, 0 where it depends.
    """

    name: str
    scope: Literal["user", "item", "pair"]
    group: Group
    monotone: Literal[-1, 0, 1] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Features that are worked out together.

    Attributes:
        features: in the order of their columns.
        fill: puts them, from what is known before an instant, into float32 (len(features), m); NaN means missing.
    """

    features: tuple[Feature, ...]
    fill: Callable[[Pairs, FloatArray], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTable:
    """Feature values of pairs in compressed rows.

    Attributes:
        names: of the columns.
        values: float32 (m, len(names)), NaN where missing; one column after the other in memory, where it was built.
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
        values = self.values.T[[self.names.index(name) for name in names]].T
        return FeatureTable(names=tuple(names), values=values, indptr=self.indptr, item_idx=self.item_idx)


def build(pairs: Pairs, families: Sequence[Family]) -> FeatureTable:
    """Compute features of pairs; a row depends on its user's history and the items only."""
    names = tuple(feature.name for family in families for feature in family.features)
    values, first = np.empty((len(names), len(pairs.candidates.item_idx)), np.float32), 0
    for family in families:
        end = first + len(family.features)
        family.fill(pairs, values[first:end])
        first = end
    return FeatureTable(
        names=names, values=values.T, indptr=pairs.candidates.indptr, item_idx=pairs.candidates.item_idx
    )
