"""Token ids of many texts, and how they are grouped so that little padding is computed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from recsys.schema import LongArray

MOST_UNKNOWN = 0.05
"""Share of unknown tokens above which a base does not fit a shop's language."""


def unknown_share(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Share of the texts' tokens, markers left out, that the tokenizer does not know; byte-level ones know all.

    >>> from tokenizers import models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"?": 0, "blue": 1, "mug": 2}, unk_token="?"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> unknown_share(tokenizer, ["blue mug", "blue кружка"])
    0.25
    """
    model = json.loads(tokenizer.to_str())["model"]
    # Unigram models name it by its place
    unknown = model.get("unk_id") if "unk_id" in model else tokenizer.token_to_id(model.get("unk_token") or "")
    ids = [i for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False) for i in encoding.ids]
    return ids.count(unknown) / max(len(ids), 1) if unknown is not None else 0.0


def unknown_warning(tokenizer: Tokenizer, texts: Sequence[str]) -> str | None:
    """A sentence that says that the base does not fit the texts, and what does; None if it fits."""
    share = unknown_share(tokenizer, texts)
    if share <= MOST_UNKNOWN:
        return None
    return (
        f"{share:.0%} of the tokens of the shop's texts are unknown to the base (expected at most {MOST_UNKNOWN:.0%}): "
        "set encoder.base to a multilingual model such as FacebookAI/xlm-roberta-base, or to scratch, which trains "
        "tokenizer and encoder on the shop's texts."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Token ids of n texts in compressed rows.

    Attributes:
        indptr: int64 (n + 1,).
        ids: int64 (m,).
    """

    indptr: LongArray
    ids: LongArray

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Tokens":
        """From one list of ids a text."""
        lengths = [len(row) for row in rows]
        return cls(
            indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            ids=np.fromiter((i for row in rows for i in row), np.int64, sum(lengths)),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def lengths(self) -> LongArray:
        """int64 (n,), tokens of each text."""
        return np.diff(self.indptr)

    def places(self, rows: LongArray) -> tuple[Tensor, Tensor]:
        """(N, T) int64 places in `ids` of the rows' tokens, and (N, T) bool, false where padded."""
        lengths = self.lengths[rows]
        column = np.arange(lengths.max(initial=1))
        places = self.indptr[rows][:, None] + np.minimum(column, np.maximum(lengths, 1)[:, None] - 1)
        return torch.from_numpy(places), torch.from_numpy(column < lengths[:, None])

    def padded(self, rows: LongArray) -> tuple[Tensor, Tensor]:
        """(N, T) int64 ids of the rows, and (N, T) bool, false where padded."""
        places, mask = self.places(rows)
        return torch.from_numpy(self.ids)[places], mask

    def groups(self, rows: LongArray, *, tokens: int, most: int | None = None) -> Iterator[LongArray]:
        """The rows, shortest texts first, in groups of at most `tokens` padded tokens and `most` rows, one at least."""
        rows = rows[np.argsort(self.lengths[rows], kind="stable")]
        lengths = self.lengths[rows]
        start = 0
        while start < len(rows):
            padded = lengths[start:] * np.arange(1, len(rows) - start + 1)
            size = max(1, int(np.searchsorted(padded, tokens, side="right")))
            size = size if most is None else min(size, most)
            yield rows[start : start + size]
            start += size
