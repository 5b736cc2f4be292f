"""The student's states of tokens held against the teacher's, layer by layer.

TinyBERT: Jiao et al. 2020, arXiv 1909.10351.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import ConfigError
from recsys.schema import LongArray
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.lesson import Lesson
from recsys.text.distill.pupil import Pupil, Reading, read
from recsys.text.distill.student import even
from recsys.text.losses.hidden import hidden_loss
from recsys.text.states import FrozenStates

_TEXTS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Each layer of the student that learns beside the teacher's layer that it stands for.

    Attributes:
        lesson: whose first teacher is read anew at every step.
        config: the settings.
        layers: of the teacher, lowest first.
        maps: (W of the teacher, W of the student), one a layer, which learn; none where both are equally wide.
    """

    lesson: Lesson
    config: DistillConfig
    layers: tuple[int, ...]
    maps: tuple[nn.Parameter, ...]

    @classmethod
    def of(cls, pupil: Pupil, lesson: Lesson, config: DistillConfig) -> "Hidden":
        """Maps start as what fits best, by least squares, the tokens of some texts.

        Raises:
            ConfigError: a student without layers that learn.
        """
        texts = np.unique(np.linspace(0, len(lesson.tokens) - 1, _TEXTS).astype(np.int64))
        with torch.no_grad():
            own = pupil.read(texts).states
        if not own:
            raise ConfigError("Expected a student with layers that learn, got none; set distill.hidden = 0.")
        kept = even(len(lesson.encoder.tower.layers), config.frozen_layers + len(own))
        layers = tuple(kept[config.frozen_layers :])
        told = _told(lesson, layers, texts)
        narrow = own[0].shape[1] != told[0].shape[1]
        maps = [torch.linalg.lstsq(s, t, driver="gelsd").solution.T for s, t in zip(own, told, strict=True) if narrow]
        return cls(lesson=lesson, config=config, layers=layers, maps=tuple(nn.Parameter(m.contiguous()) for m in maps))

    def loss(self, texts: LongArray, reading: Reading) -> Tensor:
        """Mean over the layers, of texts as the student has read them."""
        told = _told(self.lesson, self.layers, texts)
        own = [s @ m.T for s, m in zip(reading.states, self.maps, strict=True)] if self.maps else reading.states
        losses = [hidden_loss(s, t, self.config.hidden_distance) for s, t in zip(own, told, strict=True)]
        return torch.stack(losses).mean()


def _told(lesson: Lesson, layers: tuple[int, ...], texts: LongArray) -> list[Tensor]:
    """(M, W) each: the teacher's states after these layers."""
    with torch.no_grad():
        states = read(lesson.encoder.tower, FrozenStates(tokens=lesson.tokens, layers=0), texts).states
    return [states[layer] for layer in layers]
