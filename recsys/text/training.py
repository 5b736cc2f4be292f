"""The loop: draw users, encode every distinct text once, predict what they took next."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import TrainingError
from recsys.schema import FloatArray, Progress
from recsys.text import objective
from recsys.text.batch import Batch
from recsys.text.checkpoint import Checkpoints, Look, Standing, restore, trained
from recsys.text.config import FinetuneConfig
from recsys.text.encoder import TextTower
from recsys.text.lora import learnable
from recsys.text.pairs import Pairs
from recsys.text.states import FrozenStates, Vectors
from recsys.text.user import UserTower
from recsys.text.validation import Validation

_LEAST_RATE = 0.02


class Towers(nn.Module):
    """What is trained."""

    def __init__(self, text: TextTower, user: UserTower) -> None:
        super().__init__()
        self.text = text
        self.user = user


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything a training depends on.

    Attributes:
        towers: trained in place.
        states: the corpus' texts after the frozen layers.
        pooled: float32 (n_texts, D), pooled states of the untrained tower, for the steps of the head alone.
        pairs: the examples.
        correction: float32 (n_texts,), what the loss subtracts from each text's logit.
        validation: the judge.
        config: the settings.
        pooling: "attention" lets the head's query learn with the layers.
    """

    towers: Towers
    states: FrozenStates
    pooled: Tensor
    pairs: Pairs
    correction: Tensor
    validation: Validation
    config: FinetuneConfig
    pooling: Literal["mean", "attention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several workers: which examples are its own, and how gradients become those of all.

    Attributes:
        index: 0 for the one that writes checkpoints and reports progress.
        average: replaces each parameter's gradient by the mean over the workers.
    """

    index: int
    average: Callable[[Iterable[nn.Parameter]], None]

    @classmethod
    def alone(cls) -> "Shard":
        """The only worker."""
        return cls(index=0, average=lambda _: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training with its own schedule and early stopping.

    Attributes:
        name: "head" trains projection and user tower over cached pooled states; "layers" trains the top layers too.
        steps: most steps.
    """

    name: Literal["head", "layers"]
    steps: int


def train(task: Task, phase: Phase, checkpoints: Checkpoints, shard: Shard, progress: Progress) -> tuple[Look, ...]:
    """Train the task's towers in place, up to the best look of the phase.

    Steps are pure functions of (seed, step) and the weights, so a run that was interrupted ends bit-equal.

    Returns:
        The looks at the validation window, the first one before any step.

    Raises:
        TrainingError: the loss is not a number.
    """
    vectors = _vectors(task, phase)
    optimiser = _optimiser(task, phase)
    found = checkpoints.read(task.towers, optimiser)
    if found is None:
        standing, best = Standing().judged(_look(task, phase, vectors, Standing())), trained(task.towers)
    else:
        standing, best = found
    while standing.step < phase.steps and standing.misses < task.config.patience:
        standing = standing.after(_step(task, phase, vectors, optimiser, standing.step, shard))
        if standing.step % task.config.evaluate_every == 0 or standing.step == phase.steps:
            standing = standing.judged(_look(task, phase, vectors, standing))
            best = trained(task.towers) if standing.misses == 0 else best
            if shard.index == 0:
                checkpoints.write(standing, task.towers, best, optimiser)
        if shard.index == 0:
            latest = standing.looks[-1]
            loss = standing.losses[-1] if standing.losses else latest.loss or math.nan
            progress(standing.step, phase.steps, {"loss": loss, "ndcg@10": latest.ndcg})
    restore(task.towers, best)
    return standing.looks


def item_vectors(vectors: Vectors, n_texts: int) -> FloatArray:
    """float32 (n_texts, D): the vectors of all texts, without gradients."""
    with torch.no_grad():
        return np.asarray(vectors(np.arange(n_texts)).numpy(), np.float32)


def _vectors(task: Task, phase: Phase) -> Vectors:
    text = task.towers.text
    if phase.name == "head":
        return lambda rows: text.head.project(task.pooled[torch.from_numpy(rows)])
    return layer_vectors(task)


def layer_vectors(task: Task) -> Vectors:
    """Texts to vectors through the layers that learn, with gradients."""
    text = task.towers.text
    return lambda rows: text.head.project(task.states.pooled(text, rows))


def _optimiser(task: Task, phase: Phase) -> torch.optim.AdamW:
    """AdamW over what learns in this phase; everything else is frozen."""
    config, towers = task.config.optimiser, task.towers
    towers.requires_grad_(False)
    user = towers.user
    small = [user.query, user.age_bias, user.weight_power, user.log_scale, user.log_slope, user.intercept]
    groups: list[tuple[list[nn.Parameter], float, float]] = [
        ([towers.text.head.projection, towers.text.head.bias, user.map], config.head_rate, 0.0),
        (small, config.pooling_rate, 0.0),
    ]
    if phase.name == "layers":
        layers = learnable(towers.text, frozen=task.states.layers)
        groups.append((layers, config.layer_rate, config.weight_decay))
        if task.pooling == "attention":
            groups.append(([towers.text.head.query], config.head_rate, 0.0))
    for parameters, _, _ in groups:
        for parameter in parameters:
            parameter.requires_grad_(True)
    options = [{"params": p, "lr": rate, "rate": rate, "weight_decay": decay} for p, rate, decay in groups]
    return torch.optim.AdamW(options, betas=(0.9, 0.98), fused=True)


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the learning rate at a step: linear rise over the warm-up, then linear decay.

    >>> [round(rate_factor(s, 10, 0.2), 2) for s in (0, 1, 5, 9)]
    [0.5, 1.0, 0.62, 0.12]
    """
    rising = warmup * steps
    if step + 1 <= rising:
        return (step + 1) / rising
    return max(_LEAST_RATE, (steps - step) / max(steps - rising, 1))


def _step(task: Task, phase: Phase, vectors: Vectors, optimiser: torch.optim.AdamW, step: int, shard: Shard) -> float:
    for group in optimiser.param_groups:
        group["lr"] = group["rate"] * rate_factor(step, phase.steps, task.config.optimiser.warmup)
    stream = step if phase.name == "layers" else task.config.max_steps + step
    loss = batch_loss(task, vectors, task.pairs.draw(stream))
    if not math.isfinite(float(loss.detach())):
        raise TrainingError(
            f"Expected a finite loss, got {float(loss.detach())} at step {step} of the {phase.name} phase; "
            "lower finetune.optimiser.layer_rate and head_rate."
        )
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    shard.average(parameters)
    nn.utils.clip_grad_norm_(parameters, task.config.optimiser.clip)
    optimiser.step()
    return float(loss.detach())


def batch_loss(task: Task, vectors: Vectors, batch: Batch) -> Tensor:
    """Loss of one batch, each of its distinct texts encoded once."""
    correction = task.correction[torch.from_numpy(batch.texts)]
    return objective.loss(task.towers.user, vectors(batch.texts), batch, batch, correction, task.config.objective)


def _look(task: Task, phase: Phase, vectors: Vectors, standing: Standing) -> Look:
    corpus = task.pairs.corpus
    interest = task.towers.user.export(day=corpus.day, history_items=task.config.history_items)
    quality = task.validation.judge(interest, item_vectors(vectors, len(corpus.texts)))
    loss = sum(standing.losses) / len(standing.losses) if standing.losses else None
    return Look(
        phase=phase.name,
        step=standing.step,
        loss=loss,
        ndcg=float(quality.ndcg.mean()),
        recall=float(quality.recall.mean()),
    )
