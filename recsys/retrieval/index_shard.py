"""What faiss makes of vectors before they are searched: learned, filled, merged."""

from dataclasses import dataclass
from pathlib import Path

import faiss

from recsys.errors import ShapeError
from recsys.retrieval.index_plan import STRETCHES, Plan
from recsys.schema import FloatArray

_POINTS = 64
"""Vectors that the centre of a list is learned from; four times as many take four times as long and find no more."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of an index of lists, numbered from 0, on its way from one process to another.

    Attributes:
        index: faiss's; `take` changes it.
    """

    index: faiss.Index

    @classmethod
    def learned(cls, vectors: FloatArray, plan: Plan) -> "Shard":
        """Empty, with what was learned from float32 (m, dim).

        Raises:
            ShapeError: too few to learn from.
        """
        return cls(learned(vectors, plan))

    @classmethod
    def read(cls, path: Path) -> "Shard":
        """Of the `bytes` in a file; faiss trusts what it reads."""
        return cls(faiss.read_index(str(path)))

    def filled(self, vectors: FloatArray) -> "Shard":
        """With float32 (m, dim), contiguous, at the end."""
        self.index.add(vectors)
        return self

    def take(self, other: "Shard") -> None:
        """Put what another holds at the end; nothing is left there."""
        self.index.merge_from(other.index, self.index.ntotal)

    @property
    def bytes(self) -> bytes:
        """As faiss writes it."""
        return bytes(faiss.serialize_index(self.index).tobytes())


def learned(vectors: FloatArray, plan: Plan) -> faiss.Index:
    """Empty, with what was learned from float32 (m, dim), where anything is.

    Raises:
        ShapeError: too few to learn from.
    """
    index = empty(vectors.shape[1], plan)
    if not index.is_trained:
        _check_enough(len(vectors), plan)
        index.train(vectors)
    return index


def empty(dim: int, plan: Plan) -> faiss.Index:
    """What a plan makes of vectors so wide, before it has any."""
    index = faiss.index_factory(dim, plan.factory, faiss.METRIC_INNER_PRODUCT)
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efConstruction = 2 * plan.effort
    if isinstance(index, faiss.IndexIVF):
        index.cp.max_points_per_centroid = _POINTS
        index.cp.min_points_per_centroid = 1  # faiss would like 39 and says so on stderr
    if isinstance(index, faiss.IndexIVFPQ):
        index.do_polysemous_training = False  # minutes of annealing for codes that are never compared by their bits
        index.pq.cp.min_points_per_centroid = 1
    return index


def _check_enough(n: int, plan: Plan) -> None:
    if n >= plan.least:
        return
    what, instead = f"{plan.least} lists", "retrieval.index.factory to another"
    if "PQ" in plan.factory and plan.least == STRETCHES:
        what, instead = "product quantisation", "retrieval.index.storage to int8"
    raise ShapeError(f"Expected at least {plan.least} items to learn {what} from, got {n}; set {instead}.")
