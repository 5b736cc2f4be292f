"""Items that share words: what the texts say letter by letter, beside what the encoder reads in them.

TF-IDF (Spärck Jones 1972; Salton & Buckley 1988): an item is a vector over words, of unit length; a word that it has f
times and n of N known items have weighs (1 + log f) log((1 + N) / (1 + n)). So makers, models and sizes weigh most,
which an encoder has hardly met.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array, vstack

from recsys.data.interactions import Histories
from recsys.errors import ArtifactError
from recsys.retrieval.compiled import compiled
from recsys.retrieval.kernels import gather
from recsys.retrieval.sparse_rows import csr, load_csr, save_csr
from recsys.schema import BoolArray, FloatArray, IntArray, LongArray

_Parts: TypeAlias = tuple[IntArray, IntArray, FloatArray]

_WORD = re.compile(r"\w+")
_COMMON_SHARE, _COMMON = 0.1, 5000
"""Words of more than this share of the known items, or of more than so many, say little and cost most: left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The words of a catalogue.

    Attributes:
        words: column of each word.
        rarity: float32 (n_words,), how much a word says; 0 where it says nothing.
        matrix: float32 CSR (n_items, n_words), rows of unit length, empty where no word says anything.
        postings: float32 CSR (n_words, n_items), the same by word.
    """

    words: dict[str, int]
    rarity: FloatArray
    matrix: csr_array
    postings: csr_array

    @classmethod
    def of(cls, texts: Sequence[str], known: BoolArray) -> "Lexicon":
        """Of all texts; how rare a word is, the known (n_items,) say."""
        counted = [Counter(_WORD.findall(text.casefold())) for text in texts]
        words = {word: column for column, word in enumerate(sorted({w for counts in counted for w in counts}))}
        counts = _counts(counted, words)
        among = np.bincount(counts[known].indices, minlength=len(words))
        size = int(known.sum())
        rarity = np.log((1 + size) / (1 + among)).astype(np.float32)
        rarity[among > min(max(_COMMON_SHARE * size, 1), _COMMON)] = 0
        return cls._of(words, rarity, _unit(counts, rarity))

    def read(self, texts: Sequence[str]) -> csr_array:
        """float32 CSR (m, n_words), rows of unit length; words that the catalogue did not have are not seen."""
        return _unit(_counts([Counter(_WORD.findall(text.casefold())) for text in texts], self.words), self.rarity)

    def scores(self, histories: Histories, out: FloatArray | None = None) -> FloatArray:
        """float32 (n, n_items): mean cosine of each item to those of a user's positive events; 0 without any.

        Put into `out`, zeros, where that is given.
        """
        taken = histories.positives()
        if out is None:
            out = np.zeros((len(taken), self.matrix.shape[0]), np.float32)
        by_item = self.matrix.indptr, self.matrix.indices, self.matrix.data
        by_word = self.postings.indptr, self.postings.indices, self.postings.data
        _told(taken.indptr, taken.item_idx, by_item, by_word, out)
        return out

    def put(self, items: IntArray, texts: Sequence[str]) -> "Lexicon":
        """With some items added at the end or replaced; how rare a word is stays as it was.

        Args:
            items: int32 (m,), every new item among them.
            texts: of these, in the same order.
        """
        size = max(self.matrix.shape[0], int(items.max(initial=-1)) + 1)
        place = np.arange(size)
        place[items] = self.matrix.shape[0] + np.arange(len(items))
        rows = csr_array(vstack([self.matrix, self.read(texts)], format="csr")[place])
        return self._of(self.words, self.rarity, rows)

    def save(self, directory: Path) -> None:
        """Write lexicon.json, lexicon-rarity.npy and the matrix into an existing directory."""
        (directory / "lexicon.json").write_text(json.dumps(list(self.words), ensure_ascii=False))
        np.save(directory / "lexicon-rarity.npy", self.rarity, allow_pickle=False)
        save_csr(directory, "lexicon", self.matrix)

    @classmethod
    def load(cls, directory: Path, n_items: int) -> "Lexicon":
        """Read what `save` wrote.

        Raises:
            ArtifactError: not the words of `n_items` items.
        """
        words = {word: column for column, word in enumerate(json.loads((directory / "lexicon.json").read_text()))}
        rarity = np.load(directory / "lexicon-rarity.npy", allow_pickle=False)
        if len(rarity) != len(words):
            raise ArtifactError(
                f"Expected how rare each of the {len(words)} words of {directory / 'lexicon.json'} is, got "
                f"{len(rarity)} numbers; make it again."
            )
        return cls._of(words, rarity, load_csr(directory, "lexicon", n_rows=n_items, n_columns=len(words)))

    @classmethod
    def _of(cls, words: dict[str, int], rarity: FloatArray, matrix: csr_array) -> "Lexicon":
        return cls(words=words, rarity=rarity, matrix=matrix, postings=csr_array(matrix.T.tocsr()))


def _counts(counted: Sequence[Counter[str]], words: dict[str, int]) -> csr_array:
    """float32 CSR (m, n_words): 1 + log of how often each of the words stands in a text, ascending by column."""
    found = [sorted((words[word], times) for word, times in counts.items() if word in words) for counts in counted]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in found])]).astype(np.int64)
    flat = np.array([entry for row in found for entry in row], np.int64).reshape(-1, 2)
    data = 1 + np.log(flat[:, 1])
    return csr(data, flat[:, 0], indptr, len(words))


def _unit(counts: csr_array, rarity: FloatArray) -> csr_array:
    """Weighted by rarity, without what says nothing, rows of length 1."""
    data = counts.data * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    length = np.sqrt(np.bincount(rows, data.astype(np.float64) ** 2, minlength=counts.shape[0]))
    made = csr_array(
        ((data / np.maximum(length, 1e-12)[rows]).astype(np.float32), counts.indices, counts.indptr),
        shape=counts.shape,
        copy=True,
    )
    made.eliminate_zeros()
    return made


@compiled
def _told(starts: LongArray, items: IntArray, words: _Parts, postings: _Parts, out: FloatArray) -> None:
    """Put the mean cosine of each item to a user's into float32 out (n, n_items); matrices, as in `Lexicon`, by parts.

    Args:
        starts: int64 (n + 1,), user u took items[starts[u]:starts[u + 1]], as often as they stand there.
        items: int32 (m,).
        words: of each item.
        postings: the same by word.
        out: stays as it is where a user took nothing.
    """
    mean, told = np.zeros(len(postings[0]) - 1), np.zeros(out.shape[1])
    for user in range(len(starts) - 1):
        own = items[starts[user] : starts[user + 1]]
        if len(own) > 0:
            mean[:] = 0
            gather(own, np.full(len(own), 1 / len(own)), words[0], words[1], words[2], mean)
            said = np.flatnonzero(mean)
            told[:] = 0
            gather(said, mean[said], postings[0], postings[1], postings[2], told)
            out[user] = told
