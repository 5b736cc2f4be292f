"""Vectors by text: what an encoder has read once, it need not read again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.artifacts import publish, verify
from recsys.data.storage import mapped
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.texts import Texts
from recsys.schema import FloatArray, LongArray

KIND = "text_vectors"

_VECTORS = "vectors.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextVectors:
    """Vectors found by the digest of their text.

    Attributes:
        texts: of the rows of `vectors`; a text may stand in several.
        vectors: float32 (n, dim), may be mapped: only rows that are asked for are read.
        order: int64 (n,), the rows by ascending digest.
    """

    texts: Texts
    vectors: FloatArray
    order: LongArray

    @classmethod
    def of(cls, texts: Texts, vectors: FloatArray) -> "TextVectors":
        """Ready to be searched.

        Raises:
            ShapeError: not one vector a text.
        """
        if vectors.ndim != 2 or vectors.dtype != np.float32 or len(vectors) != len(texts):
            raise ShapeError(
                f"Expected float32 ({len(texts)}, dim), one vector a text, got {vectors.dtype} {vectors.shape}."
            )
        return cls(texts=texts, vectors=vectors, order=np.argsort(texts.digests, kind="stable").astype(np.int64))

    def find(self, texts: Texts) -> LongArray:
        """int64 (m,): for each text the row of its vector; -1 where it is not known.

        Raises:
            ShapeError: they are to be read by another encoder, or otherwise: their vectors would not be these.
        """
        if texts.reading != self.texts.reading:
            raise ShapeError(
                f"Expected texts for the encoder that made these vectors (reading {self.texts.reading[:12]}…), got "
                f"texts for another ({texts.reading[:12]}…); encode them."
            )
        if not len(self.order):
            return np.full(len(texts), -1, np.int64)
        known = self.texts.digests[self.order]
        place = np.minimum(np.searchsorted(known, texts.digests), len(known) - 1)
        return np.where(known[place] == texts.digests, self.order[place], -1)

    def publish(self, target: Path) -> None:
        """Write an artifact in one step: texts.npy, texts.json, vectors.npy.

        Raises:
            ArtifactError: the disk is full or not writable; nothing was changed.
        """
        with publish(target, kind=KIND) as work:
            self.texts.save(work)
            np.save(work / _VECTORS, self.vectors, allow_pickle=False)

    @classmethod
    def load(cls, directory: Path) -> "TextVectors":
        """Read what `publish` wrote, every file's sha256 compared first.

        Raises:
            ArtifactError: it is missing, incomplete, altered, or its files do not fit each other.
        """
        verify(directory, kind=KIND)
        texts = Texts.load(directory)
        if texts is None:
            raise ArtifactError(f"Expected the digests of texts in {directory}, found none; encode them again.")
        try:
            return cls.of(texts, mapped(directory / _VECTORS))
        except (OSError, ValueError, ShapeError) as error:
            raise ArtifactError(f"The files in {directory} do not fit ({error}); encode the texts again.") from error
