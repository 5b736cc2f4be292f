"""What is trained, on what, and by which part of which workers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from recsys.schema import BoolArray, LongArray
from recsys.text.bases.config import Pooling
from recsys.text.bases.lora import learnable
from recsys.text.config import FinetuneConfig
from recsys.text.encoder import TextTower
from recsys.text.optimiser import Group
from recsys.text.pairs import Pairs
from recsys.text.shard import Shard
from recsys.text.states import FrozenStates, Vectors
from recsys.text.user import UserTower
from recsys.text.validation import Validation


class Towers(nn.Module):
    """What is trained."""

    def __init__(self, text: TextTower, user: UserTower) -> None:
        super().__init__()
        self.text = text
        self.user = user


Penalty: TypeAlias = Callable[[Towers, LongArray, Tensor], Tensor]
"""(towers, sorted rows of a step's C distinct texts, their unit vectors (C, D)) to a scalar added to the loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything a training depends on.

    Attributes:
        towers: trained in place.
        states: the corpus' texts after the frozen layers.
        pooled: float32 (n_texts, D), pooled states of the towers as they began, for the steps of the head alone.
        pairs: the examples.
        validation: the judge.
        config: the settings.
        pooling: "attention" lets the head's query learn with the layers.
        shard: which of several workers this is.
        mine: bool (n_texts,), the texts that this worker encodes.
        penalty: added once to the loss of a draw, if there is one.
    """

    towers: Towers
    states: FrozenStates
    pooled: Tensor
    pairs: Pairs
    validation: Validation
    config: FinetuneConfig
    pooling: Pooling
    shard: Shard
    mine: BoolArray
    penalty: Penalty | None = None

    @property
    def device(self) -> torch.device:
        """Where the towers are."""
        return self.towers.text.head.bias.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training with its own schedule and early stopping.

    Attributes:
        name: "head" trains projection and user tower over cached pooled states; "layers" trains the layers too.
        steps: most steps.
    """

    name: Literal["head", "layers"]
    steps: int


def pooled(task: Task, phase: Phase) -> Vectors:
    """Texts to pooled states, through the layers that learn in the phase, with gradients to these."""
    if phase.name == "head":
        return lambda rows: task.pooled[torch.from_numpy(rows)]
    return lambda rows: task.states.pooled(task.towers.text, rows)


def groups(task: Task, phase: Phase) -> list[Group]:
    """What learns in this phase, and how fast; everything is frozen by this call and freed by the optimiser."""
    config, towers = task.config.optimiser, task.towers
    towers.requires_grad_(False)
    user, head = towers.user, towers.text.head
    small = [user.query, user.age_bias, user.weight_power, user.log_scale, user.log_slope, user.intercept]
    learning = [
        Group(parameters=[head.projection, head.bias, user.map], rate=config.head_rate),
        Group(parameters=small, rate=config.pooling_rate),
    ]
    if phase.name == "layers":
        layers = learnable(towers.text, frozen=task.states.layers)
        learning.append(Group(parameters=layers, rate=config.layer_rate, decay=config.weight_decay))
        if task.pooling == "attention":
            learning.append(Group(parameters=[head.query], rate=config.head_rate))
    return learning
