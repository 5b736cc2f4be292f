"""Users who took much the same, and what else they took."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array

from recsys.retrieval.compiled import compiled
from recsys.retrieval.kernels import gather
from recsys.retrieval.sparse_rows import Weights, csr, load_csr, save_csr
from recsys.retrieval.tops import first
from recsys.schema import FloatArray, IntArray

_Parts: TypeAlias = tuple[IntArray, IntArray, FloatArray]


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
        weight = self.rarity[taken.indices]
        own = (weight[start:end] for start, end in pairwise(taken.indptr.tolist()))
        length = np.array([1, *(np.sqrt(part.dot(part)) for part in own)], np.float32)[1:]
        weight /= np.repeat(np.where(length > 0, length, np.float32(1)), np.diff(taken.indptr))
        by_item = self.takers.indptr, self.takers.indices, self.takers.data
        by_user = self.taken.indptr, self.taken.indices, self.taken.data
        _told(taken.indptr, taken.indices, weight, by_item, by_user, n, out)
        return out

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


@compiled
def _told(
    starts: IntArray, items: IntArray, weights: FloatArray, takers: _Parts, taken: _Parts, n: int, out: FloatArray
) -> None:
    """Put what the nearest peers took into float32 out (n, n_items); matrices, as in `Peers`, by their parts.

    Args:
        starts: int32 (n + 1,), user u took items[starts[u]:starts[u + 1]].
        items: int32 (m,).
        weights: float32 (m,), how much each says of its user, a user's of length 1 in all.
        takers: of each item.
        taken: by each peer.
        n: how many peers are asked.
        out: as above.
    """
    met, told = np.zeros(len(taken[0]) - 1), np.zeros(out.shape[1])
    for user in range(len(starts) - 1):
        at, end = starts[user], starts[user + 1]
        met[:] = 0
        gather(items[at:end], weights[at:end], takers[0], takers[1], takers[2], met)
        nearest = first(met.view(np.int64), n)
        told[:] = 0
        gather(nearest, met[nearest], taken[0], taken[1], taken[2], told)
        out[user] = told
