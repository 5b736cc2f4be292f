"""The one map between a shop's string ids and dense integers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.artifacts import digest_of
from recsys.schema import IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Distinct ids in a fixed order; the position is the dense index.

    Attributes:
        ids: the ids, index by index.
        index: id → index.
        digest: sha256 of the ids in order.

    >>> v = Vocabulary.of(["b", "a", "b"])
    >>> v.ids, v.encode(["a", "zzz"]).tolist()
    (('a', 'b'), [0, -1])
    """

    ids: tuple[str, ...]
    index: dict[str, int]
    digest: str

    @classmethod
    def of(cls, ids: Iterable[str]) -> "Vocabulary":
        """The distinct ids, sorted, so that equal sets give equal vocabularies."""
        return cls.ordered(sorted(set(ids)))

    @classmethod
    def ordered(cls, ids: Sequence[str]) -> "Vocabulary":
        """Distinct ids in the given order."""
        return cls(ids=tuple(ids), index={name: i for i, name in enumerate(ids)}, digest=digest_of(list(ids)))

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, ids: Iterable[str]) -> IntArray:
        """int32 indices, -1 where an id is unknown."""
        return np.fromiter((self.index.get(i, -1) for i in ids), dtype=np.int32)

    def decode(self, indices: Iterable[int]) -> list[str]:
        """The ids of valid indices."""
        return [self.ids[i] for i in indices]
