"""Tokens to be guessed: a share of them hidden behind the mask token, replaced or left, as BERT was trained.

Devlin et al. 2019 (arXiv:1810.04805): of the chosen tokens 80 % become the mask token, 10 % a random one, 10 % stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.errors import TrainingError
from recsys.schema import BoolArray, LongArray
from recsys.text.masked.model import MaskedModel
from recsys.text.tokens import Tokens

_HIDDEN, _RANDOM = 0.8, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """Texts with hidden tokens.

    Attributes:
        tokens: what the model reads.
        chosen: int64 (c,), places in `tokens.ids` that are to be guessed, ascending.
        answers: int64 (c,), the tokens that were there.
    """

    tokens: Tokens
    chosen: LongArray
    answers: LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The texts as token ids.

    Attributes:
        tokens: of all texts.
        maskable: bool (m,), false for the tokens that frame a text and for unknown ones.
        mask: id of the mask token.
        vocabulary: number of tokens there are.
    """

    tokens: Tokens
    maskable: BoolArray
    mask: int
    vocabulary: int

    @classmethod
    def of(cls, model: MaskedModel, texts: Sequence[str], max_tokens: int) -> "Reading":
        """Cut to `max_tokens`, or to what the model has positions for."""
        model.tokenizer.enable_truncation(min(max_tokens, model.positions))
        read = model.tokenizer.encode_batch(list(texts))
        model.tokenizer.no_truncation()
        tokens = Tokens.of([text.ids for text in read])
        frame = np.fromiter((s for text in read for s in text.special_tokens_mask), np.bool_, len(tokens.ids))
        names = (model.tokenizer.token_to_id(token) for token in ("[UNK]", "<unk>"))
        unknown = [name for name in names if name is not None]
        size = model.tokenizer.get_vocab_size()
        return cls(tokens=tokens, maskable=~frame & ~np.isin(tokens.ids, unknown), mask=model.mask, vocabulary=size)

    def masked(self, rows: LongArray, share: float, rng: np.random.Generator) -> Masked:
        """`share` of the rows' tokens, at least one, chosen to be guessed; everything else is left as it is.

        Raises:
            TrainingError: not a single token could be hidden.
        """
        here = np.zeros(len(self.tokens), np.bool_)
        here[rows] = True
        places = np.flatnonzero(self.maskable & np.repeat(here, self.tokens.lengths))
        if len(places) == 0:
            raise TrainingError(
                f"Expected known tokens to guess, got none in {len(rows)} texts; bring items with text, or a base "
                "whose tokenizer knows their language."
            )
        chosen = np.sort(rng.choice(places, max(1, round(share * len(places))), replace=False))
        fate = rng.random(len(chosen))
        other = rng.integers(0, self.vocabulary, len(chosen))
        answers = self.tokens.ids[chosen]
        ids = self.tokens.ids.copy()
        ids[chosen] = np.where(fate < _HIDDEN, self.mask, np.where(fate < _HIDDEN + _RANDOM, other, answers))
        return Masked(tokens=Tokens(indptr=self.tokens.indptr, ids=ids), chosen=chosen, answers=answers)
