"""Nearest items by dot product; the only file that knows faiss."""

import json
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.schema import BoolArray, FloatArray, IntArray

# queries must be answered one by one: above the threshold faiss calls a BLAS routine whose rounding depends on how
# many queries came together
faiss.cvar.distance_compute_blas_threshold = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Search results.

    Attributes:
        item_idx: int32 (n, k), best first, -1 where nothing is left.
        score: float32 (n, k), dot products, -inf where nothing is left.
    """

    item_idx: IntArray
    score: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIndex:
    """Item vectors prepared for search: exact for small catalogues, HNSW for large ones.

    Attributes:
        vectors: float32 (n_items, dim), all rows that were ever added.
        alive: bool (n_items,), False where an item was removed; HNSW cannot delete, so removal only masks.
        config: how it was built.
    """

    vectors: FloatArray
    alive: BoolArray
    config: IndexConfig
    _faiss: faiss.Index

    @classmethod
    def build(cls, vectors: FloatArray, config: IndexConfig) -> "ItemIndex":
        """Index the rows of float32 (n_items, dim)."""
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ShapeError(f"ItemIndex: expected float32 (n_items, dim), got {vectors.dtype} {vectors.shape}.")
        index = _empty(vectors.shape, config)
        index.add(np.ascontiguousarray(vectors))
        return cls(vectors=vectors, alive=np.ones(len(vectors), np.bool_), config=config, _faiss=index)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def exact(self) -> bool:
        """Whether every item is looked at."""
        return isinstance(self._faiss, faiss.IndexFlat)

    def search(self, queries: FloatArray, k: int, *, allowed: BoolArray | None = None) -> Hits:
        """The k nearest items of each query; a query's result does not depend on its neighbours.

        Args:
            queries: float32 (n, dim).
            k: how many.
            allowed: bool (n_items,), items that may be found; all if None.

        Raises:
            ShapeError: queries of another width, or `allowed` of another length.
        """
        if queries.ndim != 2 or queries.shape[1] != self.vectors.shape[1]:
            raise ShapeError(f"ItemIndex: expected queries (n, {self.vectors.shape[1]}), got {queries.shape}.")
        permitted = self.alive if allowed is None else self.alive & allowed
        depth = min(k, len(self))
        item_idx = np.full((len(queries), k), -1, np.int32)
        score = np.full((len(queries), k), -np.inf, np.float32)
        if depth and len(queries):
            found_score, found = self._faiss.search(
                np.ascontiguousarray(queries, np.float32), depth, params=self._parameters(permitted)
            )
            item_idx[:, :depth] = found
            score[:, :depth] = np.where(found >= 0, found_score, -np.inf)
        return Hits(item_idx=item_idx, score=score)

    def _parameters(self, permitted: BoolArray) -> faiss.SearchParameters | None:
        selector = None if permitted.all() else faiss.IDSelectorBitmap(np.packbits(permitted, bitorder="little"))
        if self.exact:
            return None if selector is None else faiss.SearchParameters(sel=selector)
        return faiss.SearchParametersHNSW(
            efSearch=self.config.hnsw_search, **({} if selector is None else {"sel": selector})
        )

    def add(self, vectors: FloatArray) -> "ItemIndex":
        """A new index with further rows at the end; their item_idx follow the old ones."""
        grown = ItemIndex.build(np.concatenate([self.vectors, vectors.astype(np.float32)]), self.config)
        grown.alive[: len(self)] = self.alive
        return grown

    def remove(self, item_idx: IntArray) -> "ItemIndex":
        """An index that no longer finds these items; the rows stay, so that item_idx keep their meaning."""
        alive = self.alive.copy()
        alive[item_idx] = False
        return ItemIndex(vectors=self.vectors, alive=alive, config=self.config, _faiss=self._faiss)

    def save(self, directory: Path) -> None:
        """Write index.faiss, alive.npy and index.json into an existing directory."""
        # faiss's own writer keeps silent when the disk is full
        (directory / "index.faiss").write_bytes(faiss.serialize_index(self._faiss).tobytes())
        np.save(directory / "alive.npy", self.alive, allow_pickle=False)
        facts = {"config": self.config.model_dump(), "shape": list(self.vectors.shape)}
        (directory / "index.json").write_text(json.dumps(facts, indent=1, sort_keys=True))

    @classmethod
    def load(cls, directory: Path, vectors: FloatArray) -> "ItemIndex":
        """Read what `save` wrote from a directory whose files were verified; faiss trusts what it reads.

        Args:
            directory: where `save` wrote.
            vectors: the rows the index was built from.

        Raises:
            ArtifactError: an index of another shape than the vectors.
        """
        facts = json.loads((directory / "index.json").read_text())
        alive = np.load(directory / "alive.npy", allow_pickle=False)
        index = faiss.read_index(str(directory / "index.faiss"))
        shape = (index.ntotal, index.d)
        if shape != vectors.shape or facts["shape"] != list(shape) or len(alive) != shape[0]:
            raise ArtifactError(
                f"Expected an index over vectors of shape {vectors.shape} in {directory}, got {shape}; index again."
            )
        return cls(vectors=vectors, alive=alive, config=IndexConfig(**facts["config"]), _faiss=index)


def _empty(shape: tuple[int, ...], config: IndexConfig) -> faiss.Index:
    if shape[0] <= config.exact_up_to:
        return faiss.IndexFlatIP(shape[1])
    index = faiss.IndexHNSWFlat(shape[1], config.hnsw_neighbours, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 2 * config.hnsw_search
    return index
