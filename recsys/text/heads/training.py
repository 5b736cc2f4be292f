"""How a task head learns: batches of like length, early stopping on examples held out."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import TrainingError
from recsys.schema import LongArray, Progress
from recsys.text.bases.lora import adapt, learnable, merge
from recsys.text.checkpoint import restore, trained
from recsys.text.dropout import dropping
from recsys.text.heads.config import HeadConfig
from recsys.text.heads.head import HeadModel
from recsys.text.optimiser import Group, Optimiser

_BUCKET = 16
"""Batches whose examples are sorted by length together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is learned, and who judges.

    Attributes:
        lengths: int64 (n,), tokens of each training row.
        loss: the mean loss of some rows, with gradients.
        judge: a figure of the examples held out, higher is better.
    """

    lengths: LongArray
    loss: Callable[[LongArray], Tensor]
    judge: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLook:
    """One look at the examples held out.

    Attributes:
        step: steps done.
        loss: mean training loss since the last look.
        figure: accuracy of classes, entity F1 of tags.
    """

    step: int
    loss: float
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCourse:
    """How a training went.

    Attributes:
        looks: in order.
        share: of all weights, encoder and head, what part learned.
    """

    looks: tuple[HeadLook, ...]
    share: float

    @property
    def best(self) -> HeadLook:
        """The look whose weights were kept."""
        return max(self.looks, key=lambda look: look.figure)


def held_out(n: int, config: HeadConfig) -> tuple[LongArray, LongArray]:
    """Rows to learn from and rows that judge, each in ascending order; at least one of both.

    Raises:
        TrainingError: fewer than two rows.
    """
    if n < 2:
        raise TrainingError(f"Expected at least 2 examples, one to learn from and one to judge, got {n}; bring more.")
    judging = min(n - 1, max(1, round(n * config.valid_fraction)))
    order = np.random.default_rng([config.seed, 0]).permutation(n)
    return np.sort(order[judging:]), np.sort(order[:judging])


def learn(model: HeadModel, lesson: Lesson, config: HeadConfig, progress: Progress) -> HeadCourse:
    """Train in place; the model ends with the weights of the best look.

    A step is a pure function of seed, step and weights.

    Raises:
        TrainingError: more layers asked for than there are, or a loss that is not a number.
    """
    per_epoch = math.ceil(len(lesson.lengths) / config.batch_size)
    steps, every = per_epoch * config.epochs, max(1, per_epoch // config.looks)
    learning = _learning(model, config)
    optimiser = _optimiser(model, learning, config, steps=steps)
    looks, losses = list[HeadLook](), list[float]()
    best, misses = trained(model), 0
    for step, rows in enumerate(itertools.islice(_batches(lesson.lengths, config), steps)):
        losses.append(_step(lesson, rows, optimiser, step, learning, config))
        if (step + 1) % every == 0 or step + 1 == steps:
            look = HeadLook(step=step + 1, loss=sum(losses) / len(losses), figure=lesson.judge())
            better = all(look.figure > earlier.figure for earlier in looks)
            best, misses = (trained(model), 0) if better else (best, misses + 1)
            looks.append(look)
            losses = []
        progress(step + 1, steps, {"loss": losses[-1]} if losses else {"judged": looks[-1].figure})
        if misses == config.patience:
            break
    restore(model, best)
    share = sum(value.numel() for value in best.values()) / sum(p.numel() for p in model.parameters())
    merge(model.tower)
    return HeadCourse(looks=tuple(looks), share=share)


def _learning(model: HeadModel, config: HeadConfig) -> nn.ModuleList:
    """The layers that learn, themselves or by low-rank updates."""
    depth = len(model.tower.layers)
    top = config.tune if isinstance(config.tune, int) else depth
    if top > depth:
        raise TrainingError(f"Expected head.tune of at most {depth}, the encoder's layers, got {top}; lower it.")
    return model.tower.layers[depth - top :]


def _optimiser(model: HeadModel, learning: nn.ModuleList, config: HeadConfig, *, steps: int) -> Optimiser:
    """Over what learns; embeddings stay as they are."""
    tower = model.tower
    tower.requires_grad_(False)
    if config.tune == "lora":
        adapt(tower, rank=config.lora_rank, alpha=config.lora_alpha, seed=config.seed)
    rates = config.optimiser
    frozen = len(tower.layers) - len(learning)
    layers = Group(parameters=learnable(tower, frozen=frozen), rate=rates.layer_rate, decay=rates.weight_decay)
    head = [*model.linear.parameters(), *([tower.head.query] if config.pooling == "attention" else [])]
    groups = [layers, Group(parameters=head, rate=rates.head_rate)]
    return Optimiser.of([group for group in groups if group.parameters], rates, steps=steps)


def _batches(lengths: LongArray, config: HeadConfig) -> Iterator[LongArray]:
    """Rows of each step, pass after pass in new orders; within a bucket, texts of like length share a batch."""
    size = config.batch_size
    for epoch in itertools.count():
        rng = np.random.default_rng([config.seed, epoch, 1])
        order = rng.permutation(len(lengths))
        buckets = [order[start : start + size * _BUCKET] for start in range(0, len(order), size * _BUCKET)]
        ordered = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
        batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        yield from (batches[i] for i in rng.permutation(len(batches)))


def _step(
    lesson: Lesson, rows: LongArray, optimiser: Optimiser, step: int, learning: nn.ModuleList, config: HeadConfig
) -> float:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.default_rng([config.seed, step, 2]).integers(2**31)))
        with dropping(learning, config.layer_dropout, seed=[config.seed, step, 3], device=torch.device("cpu")):
            loss = lesson.loss(rows)
    loss.backward()  # type: ignore[no-untyped-call]
    if not math.isfinite(optimiser.step(step)) or not math.isfinite(float(loss.detach())):
        raise TrainingError(
            f"Expected a finite loss, got {float(loss.detach())} at step {step}; "
            "lower head.optimiser.layer_rate or head_rate."
        )
    return float(loss.detach())
