"""Users who took much the same, and what else they took."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, diags_array

from recsys.errors import ArtifactError
from recsys.schema import FloatArray

_PARTS = ("indptr", "indices")


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

    def scores(self, taken: csr_array, n: int) -> FloatArray:
        """float32 (n, n_items): Σ cosine over those of the user's n nearest peers who took the item.

        Args:
            taken: float32 CSR (n, n_items), 1 where a user took an item.
            n: how many peers are asked; of equally near ones those with the lower index.
        """
        likeness = csr_array(_unit(taken, self.rarity) @ self.takers)
        chosen: list[np.ndarray] = []
        for start, end in zip(likeness.indptr[:-1], likeness.indptr[1:], strict=True):
            order = np.lexsort((likeness.indices[start:end], -likeness.data[start:end]))[:n]
            chosen.append(start + order)
        at = np.concatenate([np.zeros(0, np.int64), *chosen])
        indptr = np.concatenate([[0], np.cumsum([len(order) for order in chosen])]).astype(np.int64)
        peers = csr_array((likeness.data[at], likeness.indices[at], indptr), shape=likeness.shape)
        return np.asarray((peers @ self.taken).toarray(), np.float32)

    def grown(self, n_items: int) -> "Peers":
        """With further items at the end, which nobody took."""
        users, more = self.taken.shape[0], n_items - self.taken.shape[1]
        takers = (self.takers.data, self.takers.indices, np.pad(self.takers.indptr, (0, more), "edge"))
        return Peers(
            taken=csr_array((self.taken.data, self.taken.indices, self.taken.indptr), shape=(users, n_items)),
            takers=csr_array(takers, shape=(n_items, users)),
            rarity=np.pad(self.rarity, (0, more)),
        )

    def save(self, directory: Path) -> None:
        """Write peers-indptr.npy and peers-indices.npy into an existing directory."""
        for part in _PARTS:
            np.save(directory / f"peers-{part}.npy", getattr(self.taken, part), allow_pickle=False)

    @classmethod
    def load(cls, directory: Path, n_items: int) -> "Peers":
        """Read what `save` wrote.

        Raises:
            ArtifactError: not a matrix over `n_items` items.
        """
        indptr, indices = (np.load(directory / f"peers-{part}.npy", allow_pickle=False) for part in _PARTS)
        inside = len(indices) == 0 or (indices.min() >= 0 and indices.max() < n_items)
        if len(indptr) < 1 or indptr[-1] != len(indices) or not inside:
            raise ArtifactError(f"{directory}/peers-*.npy do not form a matrix over {n_items} items; fit it again.")
        ones = np.ones(len(indices), np.float32)
        return cls.of(csr_array((ones, indices, indptr), shape=(len(indptr) - 1, n_items)))


def _unit(taken: csr_array, rarity: FloatArray) -> csr_array:
    """Rows weighted by rarity, of unit length."""
    weighted = csr_array(taken @ diags_array(rarity))
    squares = np.asarray((weighted * weighted).sum(axis=1)).ravel()
    scale = (1 / np.sqrt(np.maximum(squares, 1e-12))).astype(np.float32)
    return csr_array(diags_array(scale) @ weighted)
