"""Pairs of user and item that sources propose, with each source's score for each of the pairs."""

from dataclasses import dataclass, replace

import numpy as np

from recsys.retrieval import tops
from recsys.retrieval.collaborative import NAMES
from recsys.schema import BoolArray, FloatArray, IntArray, LongArray, WordArray

DENSE = (*NAMES, "own", "text_neighbours", "lexical")
SOURCES = (*DENSE, "text")
"""Names of the sources, in the order of the bits and columns; each is a field of `RetrievalConfig`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs of user and item to look at more closely, in compressed rows.

    Attributes:
        indptr: int64 (n + 1,), row u holds entries indptr[u]:indptr[u + 1], ascending by item where retrieved.
        item_idx: int32 (m,).
        sources: uint16 (m,), bit s is set where `SOURCES[s]` proposed the item.
        scores: float32 (m, n_sources), what every source says of the pair, whoever proposed it; one source after the
            other in memory, where they were retrieved.
        best: float32 (n, n_sources, depth), the highest scores a source gives to the items allowed for the user,
            descending, -inf where there are fewer: a yardstick that does not depend on the other candidates.
    """

    indptr: LongArray
    item_idx: IntArray
    sources: WordArray
    scores: FloatArray
    best: FloatArray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def rows(self) -> LongArray:
        """int64 (m,), the user row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def places(self) -> LongArray:
        """int64 (m, n_sources): how many allowed items each source puts before the pair's, as far as it proposes."""
        places = np.empty(self.scores.shape, np.int64, order="F")
        tops.places(self.scores, self.best, self.indptr, places)
        return places

    def leading(self, n: int, *, besides: BoolArray | None = None) -> "Candidates":
        """Only the n of each user with the best `fused` place, of equal ones the first, and what is in `besides`.

        Args:
            n: from 1.
            besides: bool (users, n_items), entries that stay in any case; none if None.
        """
        rows = self.rows
        order = np.lexsort((-self.fused(), rows))  # stable: of equal ones the first
        place = np.empty(len(rows), np.int64)
        place[order] = np.arange(len(rows)) - self.indptr[rows]
        stays = place < n
        if besides is not None:
            stays |= besides[rows, self.item_idx]
        counts = np.bincount(rows[stays], minlength=len(self))
        return replace(
            self,
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            item_idx=self.item_idx[stays],
            sources=self.sources[stays],
            scores=self.scores[stays],
        )

    def fused(self) -> FloatArray:
        """float32 (m,): Σ 1 / (20 + place) over the sources that propose the item (reciprocal rank fusion)."""
        proposed = self.sources[:, None] >> np.arange(len(SOURCES)) & 1
        return np.asarray((proposed / (20 + self.places())).sum(axis=1), np.float32)
