"""The frozen lower layers' states of every text, computed once and read from disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recsys.schema import LongArray
from recsys.text.encoder import TextTower
from recsys.text.tokens import Tokens

TOKENS = 8192
"""Padded tokens that pass a layer at once: large enough for the cores, small enough for their caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenStates:
    """States after the lowest `layers` layers.

    Attributes:
        tokens: the texts.
        hidden: float32 (m, D), one row a token, in the order of `tokens.ids`.
        layers: how many layers they went through.
    """

    tokens: Tokens
    hidden: Tensor
    layers: int

    @classmethod
    def of(cls, tower: TextTower, tokens: Tokens, *, layers: int, path: Path) -> "FrozenStates":
        """Compute and keep in a file, which is mapped, not loaded."""
        shape = (len(tokens.ids), tower.dim)
        hidden = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        with torch.inference_mode():
            for rows in tokens.groups(np.arange(len(tokens)), tokens=TOKENS):
                ids_NT, mask_NT = tokens.padded(rows)
                places_NT, _ = tokens.places(rows)
                hidden[places_NT[mask_NT].numpy()] = tower.lower(ids_NT, mask_NT, layers=layers)[mask_NT].numpy()
        hidden.flush()
        return cls(tokens=tokens, hidden=torch.from_numpy(hidden), layers=layers)

    def pooled(self, tower: TextTower, rows: LongArray) -> Tensor:
        """(N, D): pooled states of texts, sorted and distinct, after the layers above, with gradients to these."""
        groups = list(self.tokens.groups(rows, tokens=TOKENS))
        parts = [self._group(tower, group) for group in groups]
        return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(groups)))]

    def _group(self, tower: TextTower, rows: LongArray) -> Tensor:
        places_NT, mask_NT = self.tokens.places(rows)
        return tower.upper(self.hidden[places_NT], mask_NT, layers=self.layers)


Vectors = Callable[[LongArray], Tensor]
"""Sorted distinct rows of the corpus' texts to their unit vectors, (N, D)."""
