"""Which single item of a history stands for an item: what follows “because you bought”."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from recsys.data.interactions import Histories
from recsys.ranking.reasons import Group
from recsys.retrieval.collaborative import Behaviour
from recsys.schema import DoubleArray, FloatArray, Instant, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """For each of m items, an item of one user's history by each measure; item_idx, -1 where none has any strength.

    Of items equally strong the one taken last, of those the one with the lower item_idx.

    Attributes:
        same: int32 (m,), the item itself, if it was taken.
        together: int32 (m,), the largest addend of the item's score by the source "cosine": how fresh the history's
            item is times the cosine of both over users; where no cosine is known, the same with how near they are met.
        alike: int32 (m,), the highest text cosine, the item itself left out.
        sharing: int32 (m,), the same of words.
    """

    same: IntArray
    together: IntArray
    alike: IntArray
    sharing: IntArray

    @classmethod
    def of(
        cls,
        taken: Histories,
        items: IntArray,
        *,
        behaviour: Behaviour,
        vectors: FloatArray,
        words: csr_array,
        as_of: Instant,
    ) -> "Links":
        """From one user's positive events before `as_of`.

        Args:
            taken: one row.
            items: int32 (m,).
            behaviour: who took what.
            vectors: float32 (n_items, d), the items' text vectors, unit rows.
            words: float32 CSR (n_items, n_words), `Lexicon.matrix`.
            as_of: the instant of the request.
        """
        own = _latest_first(taken)
        same = own[:, None] == items
        fresh = behaviour.recent(taken, as_of=as_of).toarray()[0, own][:, None]
        cosine, near = (
            fresh * matrix[own][:, items].toarray() for matrix in (behaviour.together.matrix, behaviour.beside.matrix)
        )
        text = np.einsum("hd,md->hm", vectors[own], vectors[items])
        shared = (words[own] @ words[items].T).toarray()
        return cls(
            same=_strongest(own, same),
            together=_strongest(own, np.where(cosine.any(axis=0), cosine, near)),
            alike=_strongest(own, np.where(same, 0, text)),
            sharing=_strongest(own, np.where(same, 0, shared)),
        )

    def by_group(self) -> Mapping[Group, IntArray]:
        """The measure of each group that speaks of the history."""
        return {
            "again": self.same,
            "together": self.together,
            "peers": self.together,
            "text": self.alike,
            "words": self.sharing,
        }


def _latest_first(taken: Histories) -> IntArray:
    """int32 (h,), the distinct items, the one taken last first, of equal ones the lower."""
    items, first = np.unique(taken.item_idx[::-1], return_index=True)
    last = taken.at[::-1][first]
    return np.asarray(items[np.argsort(-last, kind="stable")], np.int32)


def _strongest(own: IntArray, strength: DoubleArray | FloatArray) -> IntArray:
    """(m,): the first of the (h,) items with the largest strength (h, m) above 0, or -1."""
    if not len(own):
        return np.full(strength.shape[1], -1, np.int32)
    best = strength.argmax(axis=0)
    return np.where(strength.max(axis=0) > 0, own[best], -1).astype(np.int32)
