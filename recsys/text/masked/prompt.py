"""Interest asked for in words: a sentence with a gap, and how much likelier "yes" is in it than "no".

Pattern and verbaliser after Schick & Schütze 2021 (PET, arXiv:2001.07676); zero-shot, for a shop that has no log yet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from recsys.errors import ConfigError, ShapeError
from recsys.schema import FloatArray, LongArray
from recsys.text.masked.config import PromptConfig
from recsys.text.masked.model import MaskedModel
from recsys.text.threads import limited
from recsys.text.tokens import Tokens

NOTHING = "nothing"
"""A history without content."""

_TOKENS = 8192
_SLOT = re.compile(r"\{(history|candidate|answer)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The template as token ids, with three gaps.

    Attributes:
        pieces: what stands before, between and after the gaps, frame tokens included.
        gaps: "history", "candidate" and "answer" in the template's order.
        comma: what stands between two titles.
        mask: the token in the gap of the answer.
        yes: the answer's token that stands for interest.
        no: the one that stands for none.
        limit: longest prompt in tokens.
        config: the settings.
        tokenizer: neither cuts nor pads.
    """

    pieces: tuple[tuple[int, ...], ...]
    gaps: tuple[str, ...]
    comma: tuple[int, ...]
    mask: int
    yes: int
    no: int
    limit: int
    config: PromptConfig
    tokenizer: Tokenizer

    @classmethod
    def of(cls, model: MaskedModel, config: PromptConfig) -> "Prompt":
        """Read the template with the model's tokenizer.

        Raises:
            ConfigError: an answer that is not one known token, two equal ones, or a template that leaves no room.
        """
        tokenizer = model.tokenizer
        parts = _SLOT.split(config.template)
        pieces = [_ids(tokenizer, text) for text in parts[::2]]
        frame = tokenizer.encode("").ids
        pieces[0], pieces[-1] = (*frame[:1], *pieces[0]), (*pieces[-1], *frame[1:])
        yes, no = (_answer(tokenizer, word) for word in (config.yes, config.no))
        if yes == no:
            raise ConfigError(f"Expected two answers, got {config.yes!r} and {config.no!r}, one token; change one.")
        limit = min(config.max_tokens, model.positions)
        if limit - sum(map(len, pieces)) < 1 + 2:
            raise ConfigError(
                f"Expected a template that leaves room for titles in {limit} tokens, got one of "
                f"{sum(map(len, pieces))}: {config.template!r}; shorten it or raise max_tokens."
            )
        return cls(
            pieces=tuple(pieces),
            gaps=tuple(parts[1::2]),
            comma=_ids(tokenizer, ","),
            mask=model.mask,
            yes=yes,
            no=no,
            limit=limit,
            config=config,
            tokenizer=tokenizer,
        )

    def tokens(self, histories: Sequence[Sequence[str]], candidates: Sequence[str]) -> Tokens:
        """One row a pair; none is longer than `limit`, each holds the mask and at least the start of its candidate.

        Args:
            histories: titles, oldest first; the latest are read, as many as there is room for, in this order.
            candidates: one title each.

        Raises:
            ShapeError: other numbers of histories and candidates.
        """
        if len(histories) != len(candidates):
            raise ShapeError(
                f"Expected a history for each candidate, got {len(histories)} histories and {len(candidates)} "
                "candidates; pair them."
            )
        recent = [tuple(titles[-self.config.history_items :]) or (NOTHING,) for titles in histories]
        read = self._titles({title for titles in recent for title in titles} | set(candidates))
        return Tokens.of(
            [
                self._row([read[title] for title in titles], read[candidate])
                for titles, candidate in zip(recent, candidates, strict=True)
            ]
        )

    def _titles(self, titles: set[str]) -> dict[str, tuple[int, ...]]:
        names = sorted(titles)
        read = self.tokenizer.encode_batch(names, add_special_tokens=False)
        most = self.config.title_tokens
        # a title that spells the mask token must not open a second gap
        ids = ([i for i in title.ids if i != self.mask][:most] for title in read)
        return dict(zip(names, map(tuple, ids), strict=True))

    def _row(self, history: Sequence[tuple[int, ...]], candidate: tuple[int, ...]) -> list[int]:
        room = self.limit - sum(map(len, self.pieces)) - 1
        candidate = candidate[: room - 1]
        fill = {"candidate": candidate, "answer": (self.mask,), "history": self._latest(history, room - len(candidate))}
        row = list(self.pieces[0])
        for gap, piece in zip(self.gaps, self.pieces[1:], strict=True):
            row += [*fill[gap], *piece]
        return row

    def _latest(self, history: Sequence[tuple[int, ...]], room: int) -> tuple[int, ...]:
        """The latest titles that fit whole, oldest first; of the very latest at least its start."""
        ids = history[-1][:room]
        for title in reversed(history[:-1]):
            longer = (*title, *self.comma, *ids)
            if len(longer) > room:
                break
            ids = longer
        return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloze:
    """A masked language model that is asked for interest.

    Attributes:
        model: encoder and trained head.
        prompt: the question.
    """

    model: MaskedModel
    prompt: Prompt

    @classmethod
    def of(cls, model: MaskedModel, config: PromptConfig) -> "Cloze":
        """A model with a question.

        Raises:
            ConfigError: what `Prompt.of` raises.
        """
        return cls(model=model, prompt=Prompt.of(model, config))

    def scores(self, histories: Sequence[Sequence[str]], candidates: Sequence[str]) -> FloatArray:
        """float32 (n,): log p(yes) - log p(no) in the gap.

        With `calibration = "contextual"` less the same of the candidate after a history without content (Zhao et al.
        2021, arXiv:2102.09690, by candidate as in Holtzman et al. 2021, arXiv:2104.08315): what a title suggests by
        itself, such as that it sounds positive, drops out.

        Args:
            histories: titles, oldest first, of each pair's user.
            candidates: the title of each pair's item.

        Raises:
            ShapeError: other numbers of histories and candidates.
        """
        with limited(self.prompt.config.threads), torch.inference_mode():
            raw = self._raw(histories, candidates)
            if self.prompt.config.calibration == "none":
                return raw
            names = sorted(set(candidates))
            alone = dict(zip(names, self._raw([(NOTHING,)] * len(names), names).tolist(), strict=True))
        return raw - np.array([alone[name] for name in candidates], np.float32)

    def _raw(self, histories: Sequence[Sequence[str]], candidates: Sequence[str]) -> FloatArray:
        tokens = self.prompt.tokens(histories, candidates)
        out = np.zeros(len(tokens), np.float32)
        for rows in tokens.groups(np.arange(len(tokens)), tokens=_TOKENS):
            out[rows] = self.margins(tokens, rows).numpy()
        return out

    def margins(self, tokens: Tokens, rows: LongArray) -> Tensor:
        """(N,): log p(yes) - log p(no) of some prompts, uncalibrated, with gradients."""
        ids_NT, mask_NT = tokens.padded(rows)
        gap_N = (ids_NT == self.prompt.mask).int().argmax(dim=1)
        states_ND = self.model.states(ids_NT, mask_NT)[torch.arange(len(rows)), gap_N]
        logits_NV = self.model.logits(states_ND)
        return logits_NV[:, self.prompt.yes] - logits_NV[:, self.prompt.no]


def _ids(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False).ids)


def _answer(tokenizer: Tokenizer, word: str) -> int:
    # with a space before it, as in the sentence: byte-level and sentencepiece vocabularies tell the two apart
    found = tokenizer.encode(f" {word}", add_special_tokens=False)
    known = len(found.ids) == 1 and found.tokens[0] not in ("[UNK]", "<unk>")
    if not known:
        raise ConfigError(
            f"Expected an answer that is one known token of the base's vocabulary, got {word!r}, read as "
            f"{found.tokens}; choose another word."
        )
    return found.ids[0]
