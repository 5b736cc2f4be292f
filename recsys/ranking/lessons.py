"""What a ranker learns from: the rows of several instants, of as many users as there is room for."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsys.ranking.draw import Draw, drawn
from recsys.ranking.queries import Queries
from recsys.ranking.table import RankerTable

VALUE = 4
"""Bytes of one value of one feature as it is made, float32."""

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Rows of several instants, the last one apart.

    Attributes:
        past: of the earlier instants, thinned; None where there is one instant only.
        exam: of the last instant, all rows and all users.
        last: of the last instant, thinned.
        draw: which users are in `past` and `last`; None where all are.
    """

    past: Queries | None
    exam: Queries
    last: Queries
    draw: Draw | None = None

    @classmethod
    def of(
        cls,
        tables: Sequence[RankerTable],
        *,
        others: int,
        seed: int,
        mib: int,
        without: frozenset[str] = frozenset(),
    ) -> "Lessons":
        """From one table per instant, oldest first, at least one.

        Where the values to learn from take more than `mib`, users are drawn with all their rows, each instant's with
        the same chance: a user's rows are compared with each other, so that a part of them would tell another story.
        As everybody is as likely to be drawn, nothing is weighed anew. The exam is whole: what it says of probability
        needs no room.

        Args:
            tables: the instants.
            others: as for `RankerTable.thinned`.
            seed: of what is thinned, and of who is drawn.
            mib: MiB, at most, of `past` and `last` together.
            without: features left out.
        """
        parts = [Queries.of(table, kept=table.thinned(others, seed=seed), without=without) for table in tables]
        sizes = [part.sizes for part in parts]
        kept = drawn(sizes, most=mib * MIB // (VALUE * max(1, len(parts[0].names))), seed=seed)
        if kept is not None:
            parts = [part.where(users) for part, users in zip(parts, kept, strict=True)]
        return cls(
            past=Queries.joined(parts[:-1]) if parts[:-1] else None,
            exam=Queries.of(tables[-1], without=without),
            last=parts[-1],
            draw=None if kept is None else Draw.of(sizes, kept),
        )

    @property
    def before_exam(self) -> Queries | None:
        """What a model learns from that the last instant is to judge; None where there is nothing to learn or judge."""
        return self.past if self.past is not None and len(self.past) and len(self.exam) else None

    def everything(self) -> Queries:
        """All instants, thinned."""
        return self.last if self.past is None else Queries.joined([self.past, self.last])
