"""A catalogue's vectors where most of its texts were read before: only new ones are encoded, block by block."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from recsys.data.catalog import Catalog
from recsys.errors import ArtifactError
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.onnx import OnnxEncoder
from recsys.retrieval.text_vectors import TextVectors
from recsys.retrieval.texts import Texts, digests
from recsys.schema import FloatArray, LongArray, Progress

BLOCK = 2048
"""Texts that are encoded before they are written; what a kill can cost."""

Readers: TypeAlias = Callable[[Mapping[int, Sequence[str]]], Iterator[int]]
"""Who does `read` with each block of texts: number → texts, to the numbers as each is done, in any order."""

_ROWS = 8192
"""Vectors that are copied at once: what lies on disk is never in memory twice as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """How items come to their vectors.

    To the bit what encoding them all would give, on the same kind of CPU: `OnnxEncoder.steady` makes them, and those
    of another `OnnxEncoder.reading` are not taken.

    Attributes:
        encoder: what reads; that of `readers` is of the same `OnnxEncoder.reading`.
        work: an own folder for blocks that are done; after an interruption they are taken from there.
        before: vectors of other catalogues, or of this one; those that another encoder made are passed over.
        readers: who read, into `work`; this process if None.
        block: texts to a block.
    """

    encoder: OnnxEncoder
    work: Path
    before: Sequence[ItemVectors] = ()
    readers: Readers | None = None
    block: int = BLOCK

    def of(self, catalog: Catalog, *, progress: Progress) -> tuple[ItemVectors, int]:
        """The items' vectors, and how many texts were encoded now; each distinct text is, at most, once.

        Raises:
            ArtifactError: the disk is full or not writable; the blocks that are done stay.
        """
        texts = Texts(digests=digests(catalog.texts), reading=self.encoder.reading)
        vectors = np.empty((len(catalog), self.encoder.dim), np.float32)
        left = np.arange(len(catalog))
        for known in self._known():
            rows = known.find(texts.take(left))
            _copy(known.vectors, rows[rows >= 0], vectors, left[rows >= 0])
            left = left[rows < 0]
        encoded = self._encode(catalog, texts, left, into=vectors, progress=progress)
        made = ItemVectors(
            vectors=vectors, catalog_digest=catalog.digest, encoder_digest=self.encoder.digest, texts=texts
        )
        return made, encoded

    def _known(self) -> Iterator[TextVectors]:
        for vectors in self.before:
            if vectors.texts is not None and self._is_own(vectors.texts, vectors.vectors):
                yield TextVectors.of(vectors.texts, vectors.vectors)
        for directory in self._blocks():
            try:
                block = TextVectors.load(directory)
            except ArtifactError:
                shutil.rmtree(directory)  # altered since: read again
                continue
            if self._is_own(block.texts, block.vectors):
                yield block

    def _is_own(self, texts: Texts, vectors: FloatArray) -> bool:
        return texts.reading == self.encoder.reading and vectors.shape[1] == self.encoder.dim

    def _blocks(self) -> list[Path]:
        return sorted(self.work.glob("[0-9a-f]*"))

    def _encode(self, catalog: Catalog, texts: Texts, left: LongArray, *, into: FloatArray, progress: Progress) -> int:
        """Fill the rows of the items that are left; the number of distinct texts that they have."""
        _, first, of_item = np.unique(texts.digests[left], return_index=True, return_inverse=True)
        all_texts = catalog.texts if len(left) else []
        fresh = [all_texts[item] for item in left[first]]
        order = np.argsort([len(text) for text in fresh], kind="stable")  # like lengths are read together
        blocks = [order[start : start + self.block] for start in range(0, len(fresh), self.block)]
        told = {number: [fresh[text] for text in block] for number, block in enumerate(blocks)}
        done = 0
        for number in (self.readers or self._here)(told):
            chosen, row_of = texts.take(left[first[blocks[number]]]), np.full(len(fresh), -1, np.int64)
            made = TextVectors.load(_place(self.work, chosen))
            row_of[blocks[number]] = made.find(chosen)
            rows = row_of[of_item]
            _copy(made.vectors, rows[rows >= 0], into, left[rows >= 0])
            done += len(blocks[number])
            progress(done, len(fresh), {})
        return len(fresh)

    def _here(self, told: Mapping[int, Sequence[str]]) -> Iterator[int]:
        for number, texts in told.items():
            read(self.encoder, texts, self.work)
            yield number


def read(encoder: OnnxEncoder, texts: Sequence[str], work: Path) -> None:
    """Leave the vectors of a block of distinct texts below `work`; whoever does it again leaves the same bytes.

    Raises:
        ArtifactError: the disk is full or not writable; then they are not there.
    """
    told = Texts(digests=digests(texts), reading=encoder.reading)
    TextVectors.of(told, encoder.steady(texts)).publish(_place(work, told))


def _place(work: Path, texts: Texts) -> Path:
    """By what is read, and how, so that nobody who still works for a process that was killed gets in another's way."""
    return work / hashlib.blake2b(texts.digests.tobytes() + texts.reading.encode(), digest_size=16).hexdigest()


def _copy(source: FloatArray, rows: LongArray, target: FloatArray, places: LongArray) -> None:
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        target[places[part]] = source[rows[part]]
