"""The frozen lower layers' states of every text: computed once and read from disk, or anew at every use."""

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
        layers: how many layers they went through.
        hidden: float32 (m, D), one row a token, in the order of `tokens.ids`; None computes them anew at every use.
    """

    tokens: Tokens
    layers: int
    hidden: Tensor | None = None

    @classmethod
    def of(
        cls, tower: TextTower, tokens: Tokens, *, layers: int, path: Path, rows: LongArray | None = None
    ) -> "FrozenStates":
        """Compute and keep in a file, which is mapped, not loaded.

        Args:
            tower: whose layers are frozen.
            tokens: the texts.
            layers: how many of the lowest layers.
            path: the file; it takes room only for the rows computed.
            rows: which texts; all by default.
        """
        rows = np.arange(len(tokens)) if rows is None else rows
        uncached = cls(tokens=tokens, layers=layers)
        hidden = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(tokens.ids), tower.width))
        with torch.inference_mode():
            for group in tokens.groups(rows, tokens=TOKENS):
                places_NT, mask_NT = tokens.places(group)
                hidden[places_NT[mask_NT].numpy()] = uncached.lower(tower, group).cpu()[mask_NT].numpy()
        hidden.flush()
        return cls(tokens=tokens, layers=layers, hidden=torch.from_numpy(hidden))

    def pooled(self, tower: TextTower, rows: LongArray) -> Tensor:
        """(N, D): pooled states of texts, sorted and distinct, after the layers above, with gradients to these."""
        device = tower.head.bias.device
        groups = list(self.tokens.groups(rows, tokens=TOKENS))
        if not groups:
            return torch.zeros(0, tower.width, device=device)
        masks = (self.tokens.places(group)[1].to(device) for group in groups)
        parts = [
            tower.upper(self.lower(tower, group), mask_NT, layers=self.layers)
            for group, mask_NT in zip(groups, masks, strict=True)
        ]
        return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(groups))).to(device)]

    def lower(self, tower: TextTower, rows: LongArray) -> Tensor:
        """(N, T, D): states after the frozen layers, on the tower's device, without gradients."""
        device = tower.head.bias.device
        if self.hidden is not None:
            places_NT, _ = self.tokens.places(rows)
            return self.hidden[places_NT].to(device)
        ids_NT, mask_NT = self.tokens.padded(rows)
        with torch.no_grad():
            return tower.lower(ids_NT.to(device), mask_NT.to(device), layers=self.layers)


Vectors = Callable[[LongArray], Tensor]
"""Sorted distinct rows of the corpus' texts to a vector each, (N, D)."""
