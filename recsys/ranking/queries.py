"""The ranker's lessons in the form models learn from: each user's rows together, with a grade each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.ranking.selected import Selected
from recsys.ranking.table import RankerTable
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

GRADES = 10
"""Event weights become integer labels in steps of 1 / GRADES."""

MAX_GRADE = 100
"""Heavier events count like this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Rows of several users for training.

    Attributes:
        names: of the F features.
        parts: where the m rows are, one part after the other.
        label: int32 (m,), the grade of what happened, 0 … MAX_GRADE.
        sizes: int64 (n,), rows per user, none of them 0.
        weight: float64 (n,), a user's gain as it counts, in parts of the gain told. A loss that is normalised by the
            best order of a user's rows is to be multiplied by it: the norm takes away what `RankerTable.times` says.
    """

    names: tuple[str, ...]
    parts: tuple[Selected, ...]
    label: IntArray
    sizes: LongArray
    weight: DoubleArray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def gain(self) -> DoubleArray:
        """float64 (m,): what the labels stand for."""
        return self.label / GRADES

    @property
    def values(self) -> FloatArray:
        """float32 (m, F), all rows read into memory."""
        blocks = [block for part in self.parts for block in part.blocks()]
        return np.concatenate([np.zeros((0, len(self.names)), np.float32), *blocks])

    @classmethod
    def of(
        cls, table: RankerTable, *, kept: BoolArray | None = None, without: frozenset[str] = frozenset()
    ) -> "Queries":
        """Only the useful users of a table.

        Args:
            table: the rows of an instant.
            kept: bool (m,), which of its rows count; all if not given. Those with a label do.
            without: features left out.
        """
        users, n = table.rows, len(table.sizes)
        kept = np.ones(len(users), np.bool_) if kept is None else kept
        sizes, labelled = np.bincount(users[kept], minlength=n), np.bincount(users, table.gain > 0, minlength=n)
        useful = (labelled > 0) & (labelled < sizes)
        kept = kept & useful[users]
        label: IntArray = np.minimum(np.ceil(table.counted[kept] * GRADES), MAX_GRADE).astype(np.int32)
        told, counted = (np.bincount(users, g, minlength=n) for g in (table.gain, table.counted))
        return cls(
            names=tuple(name for name in table.features.names if name not in without),
            parts=(Selected.of(table.features, kept=kept, without=without),),
            label=label,
            sizes=sizes[useful],
            weight=counted[useful] / told[useful],
        )

    def where(self, users: BoolArray) -> "Queries":
        """Only some users, bool (n,), of a single part."""
        (part,), kept = self.parts, np.repeat(users, self.sizes)
        return replace(
            self,
            parts=(part.where(kept),),
            label=self.label[kept],
            sizes=self.sizes[users],
            weight=self.weight[users],
        )

    @classmethod
    def joined(cls, parts: Sequence["Queries"]) -> "Queries":
        """The users of all parts, one part after the other; at least one part."""
        return cls(
            names=parts[0].names,
            parts=tuple(part for p in parts for part in p.parts),
            label=np.concatenate([p.label for p in parts]),
            sizes=np.concatenate([p.sizes for p in parts]),
            weight=np.concatenate([p.weight for p in parts]),
        )
