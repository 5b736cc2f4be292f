"""A large index of lists made in shards, by any number of processes, then merged."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.errors import ConfigError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.index_checks import check_vectors
from recsys.retrieval.index_plan import Plan
from recsys.retrieval.index_sample import sample
from recsys.retrieval.index_segment import Segment
from recsys.retrieval.index_shard import Shard
from recsys.schema import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexShards:
    """How the vectors of a file become an index in parts; it can be sent to other processes as it is.

    `learn` comes first, in one process. Then `fill` each of `numbers`, in any order and by whoever sees both the file
    and the folder: `list(pool.map(shards.fill, shards.numbers))`. `merged` comes last. A process holds the vectors it
    learns from, or those of one shard, and what was made of them; the rest of the file is mapped, not read. The index
    is that of `ItemIndex.build`, to the byte.

    Attributes:
        vectors: npy file, float32 (n_items, dim).
        folder: an existing directory for what is made on the way.
        config: how vectors are stored and searched, and how many make a shard.
    """

    vectors: Path
    folder: Path
    config: IndexConfig

    @property
    def plan(self) -> Plan:
        """How the items are stored and searched.

        Raises:
            ConfigError: by something else than lists, which alone can be merged.
        """
        n_items, dim = self._mapped().shape
        plan = Plan.of(n_items, dim, self.config)
        if not plan.factory.startswith("IVF"):
            raise ConfigError(
                f"Expected an index of lists (IVF) to be made in shards, got {plan.factory} for {n_items} items; "
                "use ItemIndex.build, or set retrieval.index.hnsw_up_to lower."
            )
        return plan

    @property
    def numbers(self) -> Sequence[int]:
        """Of the shards."""
        return range(-(-len(self._mapped()) // self.config.shard_items))

    def learn(self, *, known: BoolArray | None = None) -> None:
        """Learn lists, ranges and stretches, and write them down.

        Args:
            known: bool (n_items,), items that may be learned from; all if None or if none is.

        Raises:
            ConfigError: the plan has no lists, or no index fits into `memory_mib`.
            ShapeError: not float32 (n_items, dim), or too few vectors, or not finite ones.
        """
        every, plan = self._mapped(), self.plan
        drawn = sample(len(every), known, self.config.learned_from)
        taught = np.ascontiguousarray(every if drawn is None else every[drawn])
        check_vectors("vectors", taught, ("n_items", "dim"))
        self._write("learned", Shard.learned(taught, plan))

    def fill(self, number: int) -> None:
        """Make one shard, unless it was made before.

        Raises:
            ShapeError: vectors that are not finite.
        """
        if self._path(str(number)).exists():
            return
        size, every = self.config.shard_items, self._mapped()
        part = np.array(every[number * size : (number + 1) * size])
        check_vectors("vectors", part, ("n_items", "dim"))
        self._write(str(number), Shard.read(self._path("learned")).filled(part))

    def merged(self) -> ItemIndex:
        """The index of all items.

        Raises:
            ShapeError: a shard is missing.
        """
        missing = [number for number in self.numbers if not self._path(str(number)).exists()]
        if missing:
            raise ShapeError(
                f"Expected {len(self.numbers)} shards in {self.folder}, shard {missing[0]} is missing; fill it first."
            )
        whole = Shard.read(self._path("learned"))
        for number in self.numbers:  # one after the other: the lists keep the order of the items
            whole.take(Shard.read(self._path(str(number))))
        every = self._mapped()
        main = Segment.of_shard(whole, np.arange(len(every), dtype=np.int32), every, self.plan)
        return ItemIndex.of_segment(main, self.config, len(every))

    def _mapped(self) -> FloatArray:
        every: FloatArray = np.load(self.vectors, mmap_mode="r", allow_pickle=False)
        if every.ndim != 2 or every.dtype != np.float32:
            raise ShapeError(f"{self.vectors}: expected float32 (n_items, dim), got {every.dtype} {every.shape}.")
        return np.asarray(every)  # the same pages

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.faiss"

    def _write(self, name: str, shard: Shard) -> None:
        """Complete or not there."""
        work = self.folder / f".{name}.{os.getpid()}"
        work.write_bytes(shard.bytes)
        work.replace(self._path(name))
