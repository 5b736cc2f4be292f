"""Nearest items by dot product, in a catalogue that changes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recsys.data.storage import write_json
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index_checks import check_vectors
from recsys.retrieval.index_facts import Facts, read_rows
from recsys.retrieval.index_plan import Plan
from recsys.retrieval.index_sample import sample
from recsys.retrieval.index_segment import Hits, Segment
from recsys.schema import BoolArray, FloatArray, IntArray

RECALL_K = 200
"""How many of the nearest are counted when an index is built: what is ranked."""

_RECALL_QUERIES = 100
_WORTH = 0.01
"""What looking at twice as much must add to the recall."""
_ASIDE = Plan(factory="Flat", effort=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIndex:
    """Item vectors prepared for search: all are looked at in small catalogues, few in large ones; see `Plan.of`.

    A change gives a new index and leaves the old one as it is, for threads that still search it. New vectors wait
    beside the index, where each is looked at, and rows that are removed or replaced are passed over, until both are
    more than `compact_share` of all; then the index is filled anew, by the same plan and with what was learned before.
    That takes as long as a build without the learning; who cannot wait sets the share to 1 and calls `compact` in a
    thread apart.

    Attributes:
        config: how it was built.
        built_recall: recall at 200 when it was built or compacted, of 100 of its own vectors.
    """

    config: IndexConfig
    built_recall: float
    _n_items: int
    _main: Segment
    _aside: Segment

    @classmethod
    def build(cls, vectors: FloatArray, config: IndexConfig, *, known: BoolArray | None = None) -> "ItemIndex":
        """Index item vectors.

        Args:
            vectors: float32 (n_items, dim).
            config: how they are stored and searched.
            known: bool (n_items,), items that ranges, lists and stretches are learned from; all if None or if none is.

        Raises:
            ShapeError: vectors of another form or not finite, too few, or of a width that cannot be stored as planned.
            ConfigError: no index of them fits into `memory_mib`.
        """
        check_vectors("vectors", vectors, ("n_items", "dim"))
        rows = np.arange(len(vectors), dtype=np.int32)
        plan = Plan.of(len(vectors), vectors.shape[1], config)
        taught = sample(len(vectors), known, config.learned_from)
        return cls.of_segment(Segment.of(rows, vectors, plan, taught=taught), config, len(vectors))

    @classmethod
    def of_segment(cls, main: Segment, config: IndexConfig, n_items: int) -> "ItemIndex":
        """Of vectors that were indexed already; it looks at more where `least_recall` of the config asks for that."""
        aside = Segment.of(main.rows[:0], main.vectors[:0], _ASIDE)
        index = cls(config=config, built_recall=1.0, _n_items=n_items, _main=main, _aside=aside)
        drawn = main.vectors[np.random.default_rng(0).permutation(len(main.rows))[:_RECALL_QUERIES]]
        index = index._looking(main.plan, drawn)
        while index.built_recall < config.least_recall:
            wider = index._looking(index.plan.wider(len(main.rows)), drawn)
            if wider.built_recall < index.built_recall + _WORTH:
                break
            index = wider
        return index

    def _looking(self, plan: Plan, queries: FloatArray) -> "ItemIndex":
        """By another plan for the same segment, and how much that finds."""
        other = replace(self, _main=replace(self._main, plan=plan))
        return replace(other, built_recall=other.recall(queries, RECALL_K))

    def __len__(self) -> int:
        return self._n_items

    @property
    def exact(self) -> bool:
        """Whether every item is looked at."""
        return self._main.plan.whole

    @property
    def plan(self) -> Plan:
        """How the items are stored and searched."""
        return self._main.plan

    @property
    def alive(self) -> BoolArray:
        """Which are left: bool (n_items,), False where an item was removed."""
        alive = np.zeros(self._n_items, np.bool_)
        for segment in (self._main, self._aside):
            alive[segment.rows[segment.live]] = True
        return alive

    @property
    def vectors(self) -> FloatArray:
        """All items' vectors: float32 (n_items, dim), zeros where an item was removed."""
        vectors = np.zeros((self._n_items, self._main.vectors.shape[1]), np.float32)
        for segment in (self._main, self._aside):
            vectors[segment.rows[segment.live]] = segment.vectors[segment.live]
        return vectors

    def search(self, queries: FloatArray, k: int, *, allowed: BoolArray | None = None) -> Hits:
        """The k nearest items of each query; a query's result does not depend on its neighbours.

        Args:
            queries: float32 (n, dim), of any length.
            k: how many; where fewer are left, all of them are found.
            allowed: bool (n_items,), items that may be found; all if None.

        Raises:
            ShapeError: queries of another width or not finite, `allowed` of another length, or k below 0.
        """
        queries = self._checked(queries, k, allowed)
        hits = self._main.search(queries, k, allowed)
        return hits.beside(self._aside.search(queries, k, allowed)) if len(self._aside.rows) else hits

    def recall(self, queries: FloatArray, k: int, *, allowed: BoolArray | None = None) -> float:
        """The share of what there is to find that `search` finds; 1 where there is nothing.

        Arguments and errors are those of `search`. Every item is looked at for each query: a small sample will do.
        """
        queries = self._checked(queries, k, allowed)
        if self.plan.lossless:
            return 1.0
        true = self._main.compare(queries, k, allowed).beside(self._aside.compare(queries, k, allowed)).item_idx
        found = self.search(queries, k, allowed=allowed).item_idx
        met = sum(np.isin(one[one >= 0], other).sum() for one, other in zip(true, found, strict=True))
        return float(met / (true >= 0).sum()) if (true >= 0).any() else 1.0

    def add(self, vectors: FloatArray) -> "ItemIndex":
        """A new index with further items; their item_idx follow the old ones.

        Args:
            vectors: float32 (m, dim).

        Raises:
            ShapeError: vectors of another form or not finite.
        """
        n_items = self._n_items + len(vectors)
        rows = np.arange(self._n_items, n_items, dtype=np.int32)
        return replace(self, _n_items=n_items)._put(rows, vectors)

    def update(self, item_idx: IntArray, vectors: FloatArray) -> "ItemIndex":
        """A new index with other vectors of some items; one that was removed is there again.

        Args:
            item_idx: int32 (m,), each once.
            vectors: float32 (m, dim).

        Raises:
            ShapeError: unknown items or one twice, or vectors of another form or not finite.
        """
        self._check_items(item_idx)
        items, counts = np.unique(item_idx, return_counts=True)
        if (counts > 1).any():
            raise ShapeError(f"ItemIndex: expected each item once, got item_idx {items[counts > 1][0]} twice.")
        return self._put(item_idx, vectors)

    def remove(self, item_idx: IntArray) -> "ItemIndex":
        """A new index that no longer finds these items; the others keep their item_idx.

        Raises:
            ShapeError: unknown items.
        """
        self._check_items(item_idx)
        left = replace(self, _main=self._main.without(item_idx), _aside=self._aside.without(item_idx))
        return left._settled()

    def compact(self) -> "ItemIndex":
        """The same items in an index that is filled anew: nothing waits beside it, and nothing is passed over."""
        alive, vectors = self.alive, self.vectors
        rows = np.flatnonzero(alive).astype(np.int32)
        main = self._main.refilled(rows, vectors if alive.all() else vectors[alive])
        return ItemIndex.of_segment(main, self.config, self._n_items)

    def _put(self, rows: IntArray, vectors: FloatArray) -> "ItemIndex":
        check_vectors("vectors", vectors, (len(rows), self._main.vectors.shape[1]))
        left = self._aside.without(rows)
        rows = np.concatenate([left.rows[left.live], rows], dtype=np.int32)
        order = np.argsort(rows)
        every = np.concatenate([left.vectors[left.live], vectors])
        aside = Segment.of(rows[order], every[order], _ASIDE)
        return replace(self, _main=self._main.without(rows), _aside=aside)._settled()

    def _settled(self) -> "ItemIndex":
        waiting = int(np.count_nonzero(~self._main.live)) + len(self._aside.rows)
        every = len(self._main.rows) + len(self._aside.rows)
        return self.compact() if waiting > self.config.compact_share * every else self

    def _checked(self, queries: FloatArray, k: int, allowed: BoolArray | None) -> FloatArray:
        if k < 0:
            raise ShapeError(f"ItemIndex: expected k of at least 0, got {k}.")
        if allowed is not None and (allowed.shape != (len(self),) or allowed.dtype != np.bool_):
            raise ShapeError(f"ItemIndex: expected `allowed` bool ({len(self)},), got {allowed.dtype} {allowed.shape}.")
        queries = np.ascontiguousarray(queries, np.float32)
        check_vectors("queries", queries, ("n", self._main.vectors.shape[1]))
        return queries

    def _check_items(self, item_idx: IntArray) -> None:
        if item_idx.dtype.kind not in "iu":
            raise ShapeError(f"ItemIndex: expected item_idx as whole numbers, got {item_idx.dtype}.")
        unknown = item_idx[(item_idx < 0) | (item_idx >= len(self))]
        if len(unknown):
            raise ShapeError(
                f"ItemIndex: expected item_idx below {len(self)}, got {unknown[0]}; `add` new items first."
            )

    def save(self, directory: Path) -> None:
        """Write index.faiss, rows.npy, live.npy, aside.npy and index.json into an existing directory."""
        self._main.save(directory)
        np.save(directory / "aside.npy", self._aside.rows[self._aside.live], allow_pickle=False)
        shape = (len(self), self._main.vectors.shape[1])
        facts = Facts(config=self.config, shape=shape, plan=self.plan, built_recall=self.built_recall)
        write_json(directory / "index.json", facts.model_dump())

    @classmethod
    def load(cls, directory: Path, vectors: FloatArray) -> "ItemIndex":
        """Read what `save` wrote from a directory whose files were verified.

        Args:
            directory: where `save` wrote.
            vectors: float32 (n_items, dim), as `vectors` gave them then; those of removed items may be anything.

        Raises:
            ArtifactError: files of another form, or an index of another shape than the vectors.
        """
        facts = Facts.read(directory / "index.json")
        if facts.shape != vectors.shape:
            raise ArtifactError(
                f"Expected an index over vectors of shape {vectors.shape} in {directory}, got {facts.shape}; "
                "index again."
            )
        main = Segment.load(directory, vectors, facts.plan)
        rows = read_rows(directory / "aside.npy", len(vectors))
        if np.isin(rows, main.rows[main.live]).any():
            raise ArtifactError(f"{directory / 'aside.npy'}: expected no items that live.npy has too; index again.")
        aside = Segment.of(rows, vectors[rows], _ASIDE)
        return cls(
            config=facts.config, built_recall=facts.built_recall, _n_items=len(vectors), _main=main, _aside=aside
        )
