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

_STRETCHES = 256
"""Stretches learned for each place: what a byte can tell apart."""


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
    """Item vectors prepared for search: all are looked at in small catalogues, few by HNSW in large ones.

    Stored as they are, or in fewer bits: int8 codes each number within its range (scalar quantiser), pq whole stretches
    of a vector by the nearest of 256 learned ones (product quantisation: Jégou et al. 2011).

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
    def build(cls, vectors: FloatArray, config: IndexConfig, *, known: BoolArray | None = None) -> "ItemIndex":
        """Index item vectors.

        Args:
            vectors: float32 (n_items, dim).
            config: how they are stored and searched.
            known: bool (n_items,), items that ranges and stretches are learned from; all if None or if none is.

        Raises:
            ShapeError: vectors of another form, or too few or of a width that cannot be stored as `pq`.
        """
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ShapeError(f"ItemIndex: expected float32 (n_items, dim), got {vectors.dtype} {vectors.shape}.")
        index = _empty(vectors.shape, config)
        if not index.is_trained:
            index.train(vectors if known is None or not known.any() else np.ascontiguousarray(vectors[known]))
        index.add(np.ascontiguousarray(vectors))
        return cls(vectors=vectors, alive=np.ones(len(vectors), np.bool_), config=config, _faiss=index)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def exact(self) -> bool:
        """Whether every item is looked at."""
        return not isinstance(self._faiss, faiss.IndexHNSW)

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

    def _parameters(self, permitted: BoolArray) -> faiss.SearchParameters:
        selector = None if permitted.all() else faiss.IDSelectorBitmap(np.packbits(permitted, bitorder="little"))
        chosen = {} if selector is None else {"sel": selector}
        if not self.exact:
            return faiss.SearchParametersHNSW(efSearch=self.config.hnsw_search, **chosen)
        return (faiss.SearchParametersIVF if self.config.storage == "pq" else faiss.SearchParameters)(**chosen)

    def add(self, vectors: FloatArray) -> "ItemIndex":
        """A new index with further rows at the end; their item_idx follow the old ones."""
        every = np.concatenate([self.vectors, vectors.astype(np.float32)])
        grown = ItemIndex.build(every, self.config, known=np.arange(len(every)) < len(self))
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
    width, links, product = shape[1], config.hnsw_neighbours, faiss.METRIC_INNER_PRODUCT
    if config.storage == "pq":
        return _product_quantiser(shape, config.pq_bytes)
    byte = faiss.ScalarQuantizer.QT_8bit
    if shape[0] <= config.exact_up_to:
        whole = config.storage == "float32"
        return faiss.IndexFlatIP(width) if whole else faiss.IndexScalarQuantizer(width, byte, product)
    if config.storage == "int8":
        index = faiss.IndexHNSWSQ(width, byte, links, product)
    else:
        index = faiss.IndexHNSWFlat(width, links, product)
    index.hnsw.efConstruction = 2 * config.hnsw_search
    return index


def _product_quantiser(shape: tuple[int, ...], size: int) -> faiss.Index:
    """One list of all items: faiss' plain PQ cannot leave items out, and its HNSW of PQ codes loses some for good."""
    if shape[0] < _STRETCHES:
        raise ShapeError(
            f"Expected at least {_STRETCHES} items to learn product quantisation from, got {shape[0]}; set "
            "retrieval.index.storage to int8."
        )
    if shape[1] % size:
        raise ShapeError(
            f"Expected vectors whose width retrieval.index.pq_bytes = {size} divides, got {shape[1]}; choose another."
        )
    index = faiss.index_factory(shape[1], f"IVF1,PQ{size}", faiss.METRIC_INNER_PRODUCT)
    index.do_polysemous_training = False  # minutes of annealing for codes that are never compared by their bits
    # faiss would like 39 vectors for each of the 256 and says so on stderr
    index.pq.cp.min_points_per_centroid = 1
    return index
