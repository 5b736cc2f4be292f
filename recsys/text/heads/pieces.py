"""Sentences of words as word pieces: which token begins which word, long sentences in several parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from recsys.schema import LongArray
from recsys.text.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Parts of sentences, none longer than the tokenizer allows.

    Attributes:
        tokens: one row a part.
        word: int64 (m,), for each of `tokens.ids` the word it begins, counted over all sentences; -1 for the other
            pieces of a word and for special tokens.
        words: how many words there are. One that the tokenizer has nothing for is begun by no token.
    """

    tokens: Tokens
    word: LongArray
    words: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, sentences: Sequence[Sequence[str]]) -> "Pieces":
        """Cut sentences that are too long before the word that does not fit; the rest is a part of its own."""
        starts = np.concatenate([[0], np.cumsum([len(words) for words in sentences])]).astype(np.int64)
        ids: list[list[int]] = []
        begun: list[int] = []
        parts = [(sentence, 0) for sentence in range(len(sentences))]
        while parts:
            rest = []
            texts = [list(sentences[sentence][skipped:]) for sentence, skipped in parts]
            encodings = tokenizer.encode_batch(texts, is_pretokenized=True)
            for (sentence, skipped), encoding in zip(parts, encodings, strict=True):
                words = encoding.word_ids
                whole = len(sentences[sentence]) - skipped
                if encoding.overflowing:
                    whole = max(1, max(word for word in words if word is not None))
                    rest.append((sentence, skipped + whole))
                ids.append(encoding.ids)
                begun += _begun(words, whole, int(starts[sentence]) + skipped)
            parts = [(sentence, skipped) for sentence, skipped in rest if skipped < len(sentences[sentence])]
        return cls(tokens=Tokens.of(ids), word=np.array(begun, np.int64), words=int(starts[-1]))


def _begun(words: Sequence[int | None], whole: int, first: int) -> list[int]:
    """For each token the word it begins, counted from `first`, or -1; words from `whole` on belong to the next part."""
    return [
        -1 if word is None or word >= whole or (place > 0 and words[place - 1] == word) else first + word
        for place, word in enumerate(words)
    ]
