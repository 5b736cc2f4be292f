"""The ranker's lessons in the form models learn from: each user's rows together, with a grade each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.ranking.table import RankerTable
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray

GRADES = 10
"""Event weights become integer labels in steps of 1 / GRADES."""

MAX_GRADE = 100
"""Heavier events count like this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Rows of several users for training.

    Attributes:
        names: of the F features.
        values: float32 (m, F).
        label: int32 (m,), the grade of what happened, 0 … MAX_GRADE.
        sizes: int64 (n,), rows per user, none of them 0.
        weight: float64 (n,), a user's gain as it counts, in parts of the gain told. A loss that is normalised by the
            best order of a user's rows is to be multiplied by it: the norm takes away what `RankerTable.times` says.
    """

    names: tuple[str, ...]
    values: FloatArray
    label: IntArray
    sizes: LongArray
    weight: DoubleArray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def gain(self) -> DoubleArray:
        """float64 (m,): what the labels stand for."""
        return self.label / GRADES

    @classmethod
    def of(cls, table: RankerTable) -> "Queries":
        """Only the useful users of a table."""
        kept = table.useful[table.rows]
        label: IntArray = np.minimum(np.ceil(table.counted * GRADES), MAX_GRADE).astype(np.int32)
        told, counted = (np.bincount(table.rows, g, minlength=len(table.sizes)) for g in (table.gain, table.counted))
        return cls(
            names=table.features.names,
            values=table.features.values[kept],
            label=label[kept],
            sizes=table.sizes[table.useful],
            weight=counted[table.useful] / told[table.useful],
        )

    @classmethod
    def joined(cls, parts: Sequence["Queries"]) -> "Queries":
        """The users of all parts, one part after the other; at least one part."""
        return cls(
            names=parts[0].names,
            values=np.concatenate([p.values for p in parts]),
            label=np.concatenate([p.label for p in parts]),
            sizes=np.concatenate([p.sizes for p in parts]),
            weight=np.concatenate([p.weight for p in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Rows of several instants, the last one apart.

    Attributes:
        past: of the earlier instants, thinned; None where there is one instant only.
        exam: of the last instant, all rows.
        last: of the last instant, thinned.
    """

    past: Queries | None
    exam: Queries
    last: Queries

    @classmethod
    def of(cls, tables: Sequence[RankerTable], *, others: int, seed: int) -> "Lessons":
        """From one table per instant, oldest first, at least one; `others` as for `RankerTable.thinned`."""
        parts = [Queries.of(table.thinned(others, seed=seed)) for table in tables]
        return cls(past=Queries.joined(parts[:-1]) if parts[:-1] else None, exam=Queries.of(tables[-1]), last=parts[-1])

    @property
    def before_exam(self) -> Queries | None:
        """What a model learns from that the last instant is to judge; None where there is nothing to learn or judge."""
        return self.past if self.past is not None and len(self.past) and len(self.exam) else None

    def everything(self) -> Queries:
        """All instants, thinned."""
        return self.last if self.past is None else Queries.joined([self.past, self.last])
