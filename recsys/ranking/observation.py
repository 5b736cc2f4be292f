"""What a ranker reads and says when lists are made: looked at once for a bundle, and on live requests ever after."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys.schema import FloatArray, Instant

if TYPE_CHECKING:
    from recsys.data.interactions import Histories
    from recsys.ranking.ranker import Ranker
    from recsys.ranking.snapshot import Snapshot

SCORE = "score"
"""Name of the last column: what the ranker says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The rows that some lists were chosen from.

    Attributes:
        names: of the columns: the ranker's features, then `SCORE`.
        values: float32 (m, len(names)), a row for each candidate; NaN where missing.
        lists: how many.
    """

    names: tuple[str, ...]
    values: FloatArray
    lists: int


def observe(
    snapshot: "Snapshot", ranker: "Ranker", histories: "Histories", *, as_of: Instant, exclude_seen: bool | None = None
) -> Observation:
    """The candidates of users' lists as the ranker sees them, before any rule.

    Args:
        snapshot: proposes and describes.
        ranker: judges.
        histories: the users' events; what is not before `as_of` is not looked at.
        as_of: the instant of the lists, not before the snapshot's.
        exclude_seen: as for `Snapshot.allowed`.
    """
    known = histories.before(as_of)
    blocks = []
    for rows in snapshot.blocks(len(known)):
        part = known.part(rows.start, rows.stop)
        may = snapshot.allowed(part, as_of=as_of, exclude_seen=exclude_seen)
        candidates = snapshot.retriever.retrieve(part, as_of=as_of, allowed=may)
        table = snapshot.features(part, candidates, as_of=as_of).select(ranker.features)
        blocks.append(np.column_stack([table.values, ranker.score(table)]))
    names = (*ranker.features, SCORE)
    values = np.concatenate([np.zeros((0, len(names)), np.float32), *blocks])
    return Observation(names=names, values=values, lists=len(known))


def recall(
    snapshot: "Snapshot", histories: "Histories", *, as_of: Instant, exclude_seen: bool | None = None
) -> float | None:
    """The share of the items nearest to one user by text that the index finds; None for a user without a vector.

    Args:
        snapshot: proposes.
        histories: one row.
        as_of: the instant of the list.
        exclude_seen: as for `Snapshot.allowed`.
    """
    known, retriever = histories.before(as_of), snapshot.retriever
    user = retriever.interest.user_vectors(known, retriever.vectors, as_of=as_of)
    if not user.any():
        return None
    may = snapshot.allowed(known, as_of=as_of, exclude_seen=exclude_seen)
    return retriever.index.recall(user, retriever.sizes[-1], allowed=may[0])
