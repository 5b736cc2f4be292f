"""Vectors prepared for search by dot product; with `index_shard`, what knows faiss."""

from dataclasses import dataclass, replace
from math import ceil, sqrt
from pathlib import Path

import faiss
import numpy as np

from recsys.errors import ArtifactError
from recsys.retrieval.index_facts import read_rows
from recsys.retrieval.index_plan import Plan
from recsys.retrieval.index_shard import Shard, empty, learned
from recsys.schema import BoolArray, FloatArray, IntArray, LongArray

# queries must be answered one by one: above the threshold faiss calls a BLAS routine whose rounding depends on how
# many queries came together
faiss.cvar.distance_compute_blas_threshold = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Search results.

    Attributes:
        item_idx: int32 (n, k), best first, of equal ones the lower, -1 where nothing is left.
        score: float32 (n, k), dot products, -inf where nothing is left.
    """

    item_idx: IntArray
    score: FloatArray

    def filled(self, k: int) -> "Hits":
        """With nothing up to k hits a query."""
        missing = ((0, 0), (0, k - self.item_idx.shape[1]))
        return Hits(
            item_idx=np.pad(self.item_idx, missing, constant_values=-1),
            score=np.pad(self.score, missing, constant_values=-np.inf),
        )

    def beside(self, other: "Hits") -> "Hits":
        """The best of both, as many as each has."""
        item_idx = np.concatenate([self.item_idx, other.item_idx], axis=1)
        score = np.concatenate([self.score, other.score], axis=1)
        order = np.lexsort((item_idx, -score), axis=1)[:, : self.item_idx.shape[1]]
        return Hits(item_idx=np.take_along_axis(item_idx, order, 1), score=np.take_along_axis(score, order, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Vectors of some items, and what searches them. Nothing here is ever changed, so threads may share it.

    Attributes:
        rows: int32 (m,), ascending, whose vectors they are.
        vectors: float32 (m, dim).
        live: bool (m,), False where the item was removed or has a newer vector in another segment.
        plan: how they are stored and searched.
    """

    rows: IntArray
    vectors: FloatArray
    live: BoolArray
    plan: Plan
    _faiss: faiss.Index

    @classmethod
    def of(cls, rows: IntArray, vectors: FloatArray, plan: Plan, *, taught: LongArray | None = None) -> "Segment":
        """Index vectors.

        Args:
            rows: int32 (m,), ascending item_idx.
            vectors: float32 (m, dim).
            plan: how.
            taught: which vectors ranges, lists and stretches are learned from; all if None.

        Raises:
            ShapeError: too few to learn from.
        """
        vectors = np.ascontiguousarray(vectors)
        index = learned(vectors if taught is None else np.ascontiguousarray(vectors[taught]), plan)
        index.add(vectors)
        return cls(rows=rows, vectors=vectors, live=np.ones(len(rows), np.bool_), plan=plan, _faiss=index)

    @classmethod
    def of_shard(cls, shard: Shard, rows: IntArray, vectors: FloatArray, plan: Plan) -> "Segment":
        """Of a shard that holds these vectors; `rows` and `plan` as for `of`."""
        return cls(rows=rows, vectors=vectors, live=np.ones(len(rows), np.bool_), plan=plan, _faiss=shard.index)

    def refilled(self, rows: IntArray, vectors: FloatArray) -> "Segment":
        """Other vectors by the same plan, and by what was learned from the first ones."""
        index, vectors = faiss.clone_index(self._faiss), np.ascontiguousarray(vectors)
        index.reset()
        index.add(vectors)
        return replace(self, rows=rows, vectors=vectors, live=np.ones(len(rows), np.bool_), _faiss=index)

    def without(self, item_idx: IntArray) -> "Segment":
        """The same, but these items, where they are here, are not found any more."""
        gone = np.isin(self.rows, item_idx)
        return replace(self, live=self.live & ~gone) if gone.any() else self

    def search(self, queries: FloatArray, k: int, allowed: BoolArray | None) -> Hits:
        """The nearest of each query: as many as asked for, or all that `allowed` leaves.

        Where every item is looked at, the filter is pushed into the search. A search of a part would look where the
        filter leaves little, and miss what it leaves elsewhere: so it is asked for as many more as the filter takes
        away, and whose share of what is allowed is still too small is compared with all that is left; as everybody is
        where a filter leaves few.

        Args:
            queries: float32 (n, dim), contiguous, finite.
            k: how many.
            allowed: bool (n_items,), items that may be found; all if None.
        """
        permitted = self._permitted(allowed)
        left, size = int(np.count_nonzero(permitted)), len(permitted)
        depth = min(k, left)
        if not depth or not len(queries):
            return self._hits(np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64), k)
        if self.plan.whole:
            return self._hits(*self._look_at_all(queries, depth, permitted), k)
        enough = min(round(depth * self.plan.refine), left)
        # three standard deviations more than are expected to be taken away
        wanted = enough if left == size else ceil((enough + 3 * sqrt(enough)) * size / left)
        if left <= max(self.plan.few, wanted):
            return self.compare(queries, k, allowed)
        found = self._look_at_a_part(queries, wanted, ceil(self.plan.effort * size / left))
        kept = (found >= 0) & permitted[found]
        first = np.argsort(~kept, axis=1, kind="stable")[:, :enough]
        best = _nearest(queries, self.vectors, np.take_along_axis(np.where(kept, found, -1), first, 1), depth)
        short = np.flatnonzero(kept.sum(axis=1) < enough)
        best[0][short], best[1][short] = _nearest(queries[short], self.vectors, np.flatnonzero(permitted), depth)
        return self._hits(*best, k)

    def compare(self, queries: FloatArray, k: int, allowed: BoolArray | None) -> Hits:
        """The same by the vectors as they are, each of them looked at."""
        permitted = np.flatnonzero(self._permitted(allowed))
        return self._hits(*_nearest(queries, self.vectors, permitted, min(k, len(permitted))), k)

    def _permitted(self, allowed: BoolArray | None) -> BoolArray:
        if allowed is None:
            return self.live
        dense = not len(self.rows) or self.rows[-1] == len(self.rows) - 1
        return self.live & (allowed[: len(self.rows)] if dense else allowed[self.rows])

    def _look_at_all(self, queries: FloatArray, k: int, permitted: BoolArray) -> tuple[FloatArray, LongArray]:
        whole = permitted.all()
        bits = np.zeros(0, np.uint8) if whole else np.packbits(permitted, bitorder="little")
        chosen = {} if whole else {"sel": faiss.IDSelectorBitmap(bits)}
        if isinstance(self._faiss, faiss.IndexIVF):
            parameters = faiss.SearchParametersIVF(nprobe=self._faiss.nlist, **chosen)
        else:
            parameters = faiss.SearchParameters(**chosen)
        score, found = self._faiss.search(queries, k, params=parameters)
        return score, found

    def _look_at_a_part(self, queries: FloatArray, k: int, effort: int) -> LongArray:
        if isinstance(self._faiss, faiss.IndexHNSW):
            parameters = faiss.SearchParametersHNSW(efSearch=effort)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=min(effort, self._faiss.nlist))
        found: LongArray = self._faiss.search(queries, k, params=parameters)[1]
        return found

    def _hits(self, score: FloatArray, found: LongArray, k: int) -> Hits:
        """Positions as item_idx, nothing up to k."""
        item_idx = np.where(found >= 0, self.rows[found], np.int32(-1))
        score = np.where(found >= 0, score, np.float32(-np.inf))
        if found.shape[1] == k and (score[:, :-1] > score[:, 1:]).all():
            return Hits(item_idx=item_idx, score=score)
        order = np.lexsort((item_idx, -score), axis=1)
        hits = Hits(item_idx=np.take_along_axis(item_idx, order, 1), score=np.take_along_axis(score, order, 1))
        return hits.filled(k) if found.shape[1] < k else hits

    def save(self, directory: Path) -> None:
        """Write index.faiss, rows.npy and live.npy, but not the vectors, into an existing directory."""
        # faiss's own writer keeps silent when the disk is full
        (directory / "index.faiss").write_bytes(faiss.serialize_index(self._faiss).tobytes())
        np.save(directory / "rows.npy", self.rows, allow_pickle=False)
        np.save(directory / "live.npy", self.live, allow_pickle=False)

    @classmethod
    def load(cls, directory: Path, vectors: FloatArray, plan: Plan) -> "Segment":
        """Read what `save` wrote, from files that were verified; faiss trusts what it reads.

        Args:
            directory: where `save` wrote.
            vectors: float32 (n_items, dim), those of all items.
            plan: as it was.

        Raises:
            ArtifactError: files that do not fit each other, the plan or the vectors.
        """
        rows, live = read_rows(directory / "rows.npy", len(vectors)), np.load(directory / "live.npy")
        index, like = faiss.read_index(str(directory / "index.faiss")), empty(vectors.shape[1], plan)
        same = isinstance(index, type(like)) and (index.metric_type, index.d) == (like.metric_type, like.d)
        if not same or not len(rows) == len(live) == index.ntotal or live.dtype != np.bool_:
            raise ArtifactError(
                f"{directory}: expected {plan.factory} of width {like.d} and as many rows.npy and live.npy, got "
                f"{type(index).__name__} of width {index.d} with {index.ntotal}, {len(rows)} and {len(live)}; "
                "index again."
            )
        chosen = vectors if len(rows) == len(vectors) else vectors[rows]
        return cls(rows=rows, vectors=np.ascontiguousarray(chosen), live=live, plan=plan, _faiss=index)


def _nearest(queries: FloatArray, vectors: FloatArray, among: LongArray, k: int) -> tuple[FloatArray, LongArray]:
    """Scores and positions (n, k) of the nearest among positions (m,), or among (n, m), every query's own."""
    score, found = np.zeros((len(queries), k), np.float32), np.full((len(queries), k), -1, np.int64)
    if k == 0 or not len(queries):
        return score, found
    pointers = [faiss.swig_ptr(array) for array in (queries, vectors, among, score, found)]
    size, apart = among.shape[-1], 0 if among.ndim == 1 else among.shape[1]
    faiss.knn_inner_products_by_idx(
        *pointers[:3], vectors.shape[1], len(queries), len(vectors), size, k, *pointers[3:], apart
    )
    return score, found
