"""EASE: every item a linear regression on all others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from recsys.errors import ArtifactError
from recsys.retrieval.sparse_rows import Weights, csr, product
from recsys.schema import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Ease:
    """Item weights B = -P / diag(P), P = (XᵀX + λI)⁻¹, diagonal 0 (Steck 2019, arXiv 1905.03375).

    Attributes:
        items: int32 (e,), the items covered, ascending.
        weights: float32 (e, e), from the item in a history to the item it speaks for.
    """

    items: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, taken: csr_array, *, l2: float, max_items: int) -> "Ease":
        """Solve for the items with the largest sums.

        Args:
            taken: float32 CSR (n_users, n_items), how much a user took an item.
            l2: λ.
            max_items: how many items are covered at most: memory grows with the square, time with the cube.
        """
        sums = np.asarray(taken.sum(axis=0)).ravel()
        order = np.lexsort((np.arange(len(sums)), -sums))[:max_items]
        items = np.sort(order[sums[order] > 0]).astype(np.int32)
        part = csr_array(taken[:, items])
        gram = (part.T @ part).toarray().astype(np.float32)
        gram[np.diag_indices(len(items))] += np.float32(l2)
        inverse = np.linalg.inv(gram)
        weights = np.asarray(inverse / -np.diag(inverse), np.float32)
        np.fill_diagonal(weights, 0)
        return cls(items=items, weights=weights)

    def scores(self, taken: csr_array | Weights, out: FloatArray | None = None) -> FloatArray:
        """float32 (n, n_items): each user's weights, float32 CSR (n, n_items), spread over the items covered.

        Added to `out`, where that is given.
        """
        if out is None:
            out = np.zeros(taken.shape, np.float32)
        if not (taken.nnz and len(self.items)):
            return out
        weights = np.asarray(self.weights)  # the same pages, without memmap's slow slicing
        if len(self.items) == taken.shape[1]:
            return product(taken, weights, out)
        at = np.minimum(np.searchsorted(self.items, taken.indices), len(self.items) - 1)
        covered = np.where(self.items[at] == taken.indices, taken.data, np.float32(0))
        out[:, self.items] += product(csr(covered, at, taken.indptr, len(self.items)), weights)
        return out

    def save(self, directory: Path, name: str) -> None:
        """Write name-items.npy and name-weights.npy into an existing directory."""
        np.save(directory / f"{name}-items.npy", self.items, allow_pickle=False)
        np.save(directory / f"{name}-weights.npy", self.weights, allow_pickle=False)

    @classmethod
    def load(cls, directory: Path, name: str, n_items: int) -> "Ease":
        """Read what `save` wrote; the weights stay on disk and are mapped into memory.

        Raises:
            ArtifactError: not weights between items of a catalogue of `n_items`.
        """
        items = np.load(directory / f"{name}-items.npy", allow_pickle=False)
        weights = np.load(directory / f"{name}-weights.npy", allow_pickle=False, mmap_mode="r")
        if weights.shape != (len(items), len(items)) or (len(items) and not 0 <= items.min() <= items.max() < n_items):
            raise ArtifactError(f"{directory / name}-*.npy do not form weights between {n_items} items; fit it again.")
        return cls(items=items, weights=weights)
