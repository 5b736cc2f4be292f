"""A history and a candidate as one row of tokens, "history [SEP] candidate": each is read in the other's light."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from recsys.schema import LongArray
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """n rows.

    Attributes:
        tokens: of the rows.
        split: int64 (n,), place in each row at which the candidate begins.
    """

    tokens: Tokens
    split: LongArray

    def padded(self, rows: LongArray) -> tuple[Tensor, Tensor, Tensor]:
        """(N, T) ids of some rows, and (N, T) bool each: where a token is, and where one of the candidate's is."""
        ids_NT, mask_NT = self.tokens.padded(rows)
        place_T = torch.arange(ids_NT.shape[1])
        return ids_NT, mask_NT, mask_NT & (place_T >= torch.from_numpy(self.split[rows])[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Puts rows together.

    Attributes:
        opening: tokens before the history.
        between: tokens after the history, and after the candidate.
        comma: tokens between two texts of the history.
        positions: longest row in tokens.
        tokenizer: does not pad.
        config: the settings.
    """

    opening: tuple[int, ...]
    between: tuple[int, ...]
    comma: tuple[int, ...]
    positions: int
    tokenizer: Tokenizer
    config: CrossEncoderConfig

    @classmethod
    def of(cls, tokenizer: Tokenizer, positions: int, config: CrossEncoderConfig) -> "Reader":
        """With the frame that the tokenizer puts around a text; a line break where it closes none."""
        frame = tokenizer.encode("").ids
        comma = tuple(tokenizer.encode(",", add_special_tokens=False).ids)
        closing = tuple(frame[1:]) or tuple(tokenizer.encode("\n", add_special_tokens=False).ids) or comma
        return cls(
            opening=tuple(frame[:1]),
            between=closing,
            comma=comma,
            positions=positions,
            tokenizer=tokenizer,
            config=config,
        )

    def titles(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts, without frame."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def read(self, histories: Sequence[Sequence[list[int]]], candidates: Sequence[list[int]]) -> Joint:
        """One row a pair.

        Args:
            histories: token ids of each text, oldest first; the latest are read, the oldest of them cut where the row
                would be too long.
            candidates: token ids of one text each.
        """
        pairs = [self._row(history, candidate) for history, candidate in zip(histories, candidates, strict=True)]
        return Joint(
            tokens=Tokens.of([[*before, *after] for before, after in pairs]),
            split=np.array([len(before) for before, _ in pairs], np.int64),
        )

    def _row(self, history: Sequence[list[int]], candidate: list[int]) -> tuple[list[int], list[int]]:
        ending = [*candidate[: self.config.candidate_tokens], *self.between]
        past: list[int] = []
        for title in history[-self.config.history_items :]:
            past += [*(self.comma if past else ()), *title[: self.config.title_tokens]]
        room = max(0, self.positions - len(ending) - len(self.opening) - len(self.between))
        return [*self.opening, *past[max(0, len(past) - room) :], *self.between], ending
