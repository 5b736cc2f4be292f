"""What lists are chosen from: all candidates with their scores, before any rule has moved them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from recsys.ranking.recommendations import FlagArray, Recommendations
from recsys.retrieval.candidates import Candidates
from recsys.schema import BoolArray, FloatArray, IntArray, LongArray, WordArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Candidates of n users in compressed rows, each row by falling score; of equal ones the lower item first.

    Attributes:
        indptr: int64 (n + 1,), row u holds entries indptr[u]:indptr[u + 1].
        item_idx: int32 (m,).
        score: float32 (m,), higher is better; comparable within one row only.
        interest: float32 (m,), the encoder's probability in [0, 1].
        probability: float32 (m,), the ranker's, NaN where it has none.
        sources: uint16 (m,), bit s is set where source s proposed the item.
        pinnable: bool (m,), pinned items that may stand where they are pinned.
        listable: bool (m,), items that may stand anywhere: a source proposed them, or an exploration wants them drawn.
    """

    indptr: LongArray
    item_idx: IntArray
    score: FloatArray
    interest: FloatArray
    probability: FloatArray
    sources: WordArray
    pinnable: BoolArray
    listable: BoolArray

    @classmethod
    def of(
        cls,
        candidates: Candidates,
        *,
        score: FloatArray,
        interest: FloatArray,
        probability: FloatArray,
        pinned: BoolArray | None,
        besides: BoolArray | None = None,
    ) -> "Scored":
        """Put in order.

        Args:
            candidates: m pairs of n users.
            score: float32 (m,).
            interest: float32 (m,).
            probability: float32 (m,).
            pinned: bool (n, n_items), pinned items that a user may see; none if None.
            besides: bool (n, n_items), items that may be in a user's list though no source proposes them; none if None.
        """
        rows, items = candidates.rows, candidates.item_idx
        order = _falling(candidates.indptr, rows, items, score)
        listable = candidates.sources > 0
        if besides is not None:
            listable |= besides[rows, items]
        return cls(
            indptr=candidates.indptr,
            item_idx=items[order],
            score=score[order],
            interest=interest[order],
            probability=probability[order],
            sources=candidates.sources[order],
            pinnable=np.zeros(len(items), np.bool_) if pinned is None else pinned[rows[order], items[order]],
            listable=listable[order],
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def rows(self) -> LongArray:
        """int64 (m,), the user row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def picked(
        self, entries: LongArray, rules: FlagArray, rule_names: tuple[str, ...], propensity: FloatArray | None = None
    ) -> Recommendations:
        """Lists of chosen entries.

        Args:
            entries: int64 (l,), user by user, best first.
            rules: uint64 (l,), bit r is set where rule r moved the entry.
            rule_names: names of the bits.
            propensity: float32 (l,), how likely each was at its place; 1 if None.
        """
        sizes = np.bincount(self.rows[entries], minlength=len(self))
        return Recommendations(
            indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item_idx=self.item_idx[entries],
            score=self.score[entries],
            interest=self.interest[entries],
            probability=self.probability[entries],
            propensity=np.ones(len(entries), np.float32) if propensity is None else propensity,
            sources=self.sources[entries],
            rules=rules,
            rule_names=rule_names,
        )

    @classmethod
    def concat(cls, parts: Sequence["Scored"]) -> "Scored":
        """The rows of all parts, at least one, one after the other."""
        if len(parts) == 1:
            return parts[0]
        ends = np.cumsum([0, *(len(p.item_idx) for p in parts)])
        indptr = [np.zeros(1, np.int64), *(p.indptr[1:] + end for p, end in zip(parts, ends, strict=False))]
        others = [f.name for f in fields(cls) if f.name != "indptr"]
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in others}
        return cls(indptr=np.concatenate(indptr), **columns)


def _falling(indptr: LongArray, rows: LongArray, items: IntArray, score: FloatArray) -> LongArray:
    """int64 (m,): the entries row by row, each row by falling score, of equal ones the lower item first; NaN last."""
    ascending = bool(((np.diff(items) > 0) | (np.diff(rows) > 0)).all())
    by_item = np.arange(len(items)) if ascending else np.lexsort((items, rows))
    bits = (score[by_item] + np.float32(0)).view(np.int32)  # -0 becomes 0, as which it counts
    fallen = ~(bits ^ (bits >> 31 & 0x7FFFFFFF))  # integers in the order of falling floats
    fallen[np.isnan(score[by_item])] = np.iinfo(np.int32).max
    keys = (fallen.astype(np.int64) << 32) | np.arange(len(items))
    for start, end in pairwise(indptr.tolist()):
        keys[start:end].sort()  # of plain integers this takes a tenth of what lexsort takes
    return np.asarray(by_item[keys & 0xFFFFFFFF], np.int64)
