"""Users who took much the same, and what else they took."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from recsys.retrieval.sparse_rows import Weights, csr, load_csr, save_csr, weighted_sum
from recsys.retrieval.tops import highest
from recsys.schema import DoubleArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The users of a log by what they took; rarer items say more of a user.

    Attributes:
        taken: float32 CSR (n_users, n_items), 1 where a user took an item.
        takers: float32 CSR (n_items, n_users), the same transposed, weighted by rarity, columns of unit length.
        rarity: float32 (n_items,), log(users / takers); 0 where nobody took the item.
    """

    taken: csr_array
    takers: csr_array
    rarity: FloatArray

    @classmethod
    def of(cls, taken: csr_array) -> "Peers":
        """From float32 CSR (n_users, n_items), 1 where a user took an item."""
        takers = np.asarray(taken.sum(axis=0)).ravel()
        rarity = np.where(takers > 0, np.log(max(taken.shape[0], 1) / np.maximum(takers, 1)), 0).astype(np.float32)
        return cls(taken=taken, takers=csr_array(_unit(taken, rarity).T), rarity=rarity)

    def scores(self, taken: csr_array | Weights, n: int, out: FloatArray | None = None) -> FloatArray:
        """float32 (n, n_items): Σ cosine over those of the user's n nearest peers who took the item.

        Args:
            taken: float32 CSR (n, n_items), 1 where a user took an item.
            n: how many peers are asked; of equally near ones those with the lower index.
            out: zeros that are filled, where they are given.
        """
        if out is None:
            out = np.zeros(taken.shape, np.float32)
        for row, (start, end) in enumerate(pairwise(taken.indptr.tolist())):
            own = taken.indices[start:end]
            weight = self.rarity[own]
            if weight.any():
                met = self._likeness(own, weight)
                nearest = highest(met, n)
                out[row] = weighted_sum(self.taken, nearest, met[nearest])
        return out

    def _likeness(self, items: IntArray, weight: FloatArray) -> DoubleArray:
        """(n_users,): cosine of all users to one who took these items, which weigh as much."""
        return weighted_sum(self.takers, items, weight / np.linalg.norm(weight))

    def grown(self, n_items: int) -> "Peers":
        """With further items at the end, which nobody took."""
        users, more = self.taken.shape[0], n_items - self.taken.shape[1]
        return Peers(
            taken=csr(self.taken.data, self.taken.indices, self.taken.indptr, n_items),
            takers=csr(self.takers.data, self.takers.indices, np.pad(self.takers.indptr, (0, more), "edge"), users),
            rarity=np.pad(self.rarity, (0, more)),
        )

    def save(self, directory: Path) -> None:
        """Write what they took into an existing directory."""
        save_csr(directory, "peers", self.taken)

    @classmethod
    def load(cls, directory: Path, n_items: int) -> "Peers":
        """Read what `save` wrote.

        Raises:
            ArtifactError: not a matrix over `n_items` items.
        """
        return cls.of(load_csr(directory, "peers", n_columns=n_items))


def _unit(taken: csr_array, rarity: FloatArray) -> csr_array:
    """Rows weighted by rarity, of unit length."""
    weights = taken.data * rarity[taken.indices]
    rows = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))
    squares = np.bincount(rows, weights * weights, minlength=taken.shape[0])
    scale = (1 / np.sqrt(np.maximum(squares, 1e-12))).astype(np.float32)
    return csr(weights * scale[rows], taken.indices, taken.indptr, taken.shape[1])
