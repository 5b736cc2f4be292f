"""What learns: parameters, and how texts become vectors with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from recsys.schema import LongArray
from recsys.text.encoder import TextTower
from recsys.text.states import TOKENS, FrozenStates
from recsys.text.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """N texts of M tokens, as a model has read them.

    Attributes:
        vectors: (N, D), of length 1, in the order of the texts.
        states: (M, W) each, the tokens after each layer above the frozen ones; in the same order for every model that
            has read the same texts.
    """

    vectors: Tensor
    states: Sequence[Tensor]


class Pupil(Protocol):
    """A tower that can be taught."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What learns."""

    def read(self, texts: LongArray) -> Reading:
        """Texts of the corpus, sorted and distinct, with gradients to what learns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerPupil:
    """A transformer whose lowest layers may be frozen.

    Attributes:
        tower: what learns, in place.
        frozen: the corpus' texts after the frozen layers.
    """

    tower: TextTower
    frozen: FrozenStates

    @classmethod
    def of(cls, tower: TextTower, tokens: Tokens, *, layers: int, path: Path) -> "TransformerPupil":
        """With the lowest `layers` frozen, their states in the file."""
        tower.requires_grad_(False)
        return cls(tower=tower, frozen=FrozenStates.of(tower, tokens, layers=layers, path=path))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The layers that are not frozen, projection and bias."""
        head = self.tower.head
        return [*self.tower.layers[self.frozen.layers :].parameters(), head.projection, head.bias]

    def read(self, texts: LongArray) -> Reading:
        """Texts of the corpus, sorted and distinct, with gradients to what learns."""
        return read(self.tower, self.frozen, texts)


def read(tower: TextTower, frozen: FrozenStates, texts: LongArray) -> Reading:
    """Texts, sorted and distinct, through the layers above the frozen ones."""
    backbone, groups = tower.backbone, list(frozen.tokens.groups(texts, tokens=TOKENS))
    pooled, states = [], list[list[Tensor]]()
    for group in groups:
        _, mask_NT = frozen.tokens.places(group)
        hidden_NTW, after = frozen.lower(tower, group), []
        for layer in backbone.layers[frozen.layers :]:
            hidden_NTW = backbone.through(hidden_NTW, mask_NT, [layer])
            after.append(hidden_NTW[mask_NT])
        pooled.append(tower.head.pool(backbone.finish(hidden_NTW), mask_NT))
        states.append(after)
    order = torch.from_numpy(np.argsort(np.concatenate(groups)))
    vectors_ND = tower.head.project(torch.cat(pooled)[order])
    return Reading(vectors=vectors_ND, states=[torch.cat(parts) for parts in zip(*states, strict=True)])
