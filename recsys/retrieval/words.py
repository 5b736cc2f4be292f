"""Token ids of texts, word by word: a shop's words come again and again, and are read once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenizers import Tokenizer

_MOST = 100_000
_LONGEST = 64

_NORMALISERS = {None, "BertNormalizer", "Lowercase"}
_SPLITTERS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}
_PROCESSORS = {None, "TemplateProcessing", "BertProcessing"}


@dataclass(frozen=True, slots=True)
class Words:
    """A tokenizer whose ids of a text are those of what stands between its spaces, one after the other.

    Where that does not hold (Unigram, BPE), every text is read whole. The ids are the tokenizer's own in any case.

    Attributes:
        tokenizer: cuts, does not pad.
        markers: ids before and behind every text; None where texts are read whole.
        room: how many ids of a text stay between the markers.
        known: ids by word, a memory that is emptied when it has grown too large.
    """

    tokenizer: Tokenizer
    markers: tuple[list[int], list[int]] | None
    room: int
    known: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Words":
        """What the tokenizer says of itself decides."""
        form = json.loads(tokenizer.to_str())
        if not _splits_at_spaces(form):
            return cls(tokenizer, None, 0)
        front, back = markers(tokenizer)
        return cls(tokenizer, (front, back), form["truncation"]["max_length"] - len(front) - len(back))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Of every text, cut and with markers."""
        if self.markers is None:
            return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]
        if len(self.known) > _MOST:
            self.known.clear()
        return [self._read(text, *self.markers) for text in texts]

    def _read(self, text: str, front: list[int], back: list[int]) -> list[int]:
        known, room = self.known, self.room
        found: list[int] = []
        for word in text.split(" "):
            ids = known.get(word)
            found += self._learn(word) if ids is None else ids
            if len(found) >= room:
                break
        return front + found[:room] + back

    def _learn(self, word: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(word, add_special_tokens=False).ids
        if len(word) <= _LONGEST:
            self.known[word] = ids
        return ids


def markers(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids that a tokenizer puts before and behind every text."""
    encoding = tokenizer.encode("a")
    own = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    front, back = (own[0], own[-1] + 1) if own else (len(encoding.ids), len(encoding.ids))
    return encoding.ids[:front], encoding.ids[back:]


def _splits_at_spaces(form: dict[str, Any]) -> bool:
    parts = {name: (form.get(name) or {}).get("type") for name in ("normalizer", "pre_tokenizer", "post_processor")}
    added = form.get("added_tokens") or []
    cut = form.get("truncation") or {}
    return (
        (form["model"].get("type"), cut.get("direction")) == ("WordPiece", "Right")
        and parts["normalizer"] in _NORMALISERS
        and parts["pre_tokenizer"] in _SPLITTERS
        and parts["post_processor"] in _PROCESSORS
        and not any(" " in token["content"] or token["lstrip"] or token["rstrip"] for token in added)
    )
