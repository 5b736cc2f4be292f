"""Ranked lists, the product of it all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.retrieval.candidates import SOURCES
from recsys.schema import FloatArray, IntArray, LongArray, WordArray

FlagArray = npt.NDArray[np.uint64]
"""A bit for each rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """Ranked lists of n users in compressed rows.

    Attributes:
        indptr: int64 (n + 1,), row u holds entries indptr[u]:indptr[u + 1], best first.
        item_idx: int32 (m,).
        score: float32 (m,), higher is better; comparable within one row only.
        interest: float32 (m,), the encoder's probability in [0, 1].
        probability: float32 (m,), the ranker's that the user takes the item (`ranking.probability`); NaN where it has
            none.
        propensity: float32 (m,), 1 where no policy explores.
        sources: uint16 (m,), bit s is set where `source_names[s]` proposed the item.
        source_names: names of the bits.
        rules: uint64 (m,), bit r is set where the rule that `rule_names[r]` tells of moved the item.
        rule_names: what the bits mean, in plain words.
    """

    indptr: LongArray
    item_idx: IntArray
    score: FloatArray
    interest: FloatArray
    probability: FloatArray
    propensity: FloatArray
    sources: WordArray
    rules: FlagArray
    source_names: tuple[str, ...] = SOURCES
    rule_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def concat(cls, parts: Sequence["Recommendations"]) -> "Recommendations":
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        ends = np.cumsum([0, *(len(p.item_idx) for p in parts)])
        indptr = [np.zeros(1, np.int64), *(p.indptr[1:] + end for p, end in zip(parts, ends, strict=False))]
        return cls(
            indptr=np.concatenate(indptr),
            item_idx=np.concatenate([np.zeros(0, np.int32), *(p.item_idx for p in parts)]),
            score=np.concatenate([np.zeros(0, np.float32), *(p.score for p in parts)]),
            interest=np.concatenate([np.zeros(0, np.float32), *(p.interest for p in parts)]),
            probability=np.concatenate([np.zeros(0, np.float32), *(p.probability for p in parts)]),
            propensity=np.concatenate([np.zeros(0, np.float32), *(p.propensity for p in parts)]),
            sources=np.concatenate([np.zeros(0, np.uint16), *(p.sources for p in parts)]),
            rules=np.concatenate([np.zeros(0, np.uint64), *(p.rules for p in parts)]),
            rule_names=parts[0].rule_names if parts else (),
        )
