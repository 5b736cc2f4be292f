"""The loop: draw users, encode every distinct text once, predict what they took next."""

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, IntArray, Progress
from recsys.text.batch import Batch
from recsys.text.checkpoint import Checkpoints, Standing, restore, trained
from recsys.text.gradients import add_gradients, exchange
from recsys.text.mining import mine
from recsys.text.optimiser import Optimiser
from recsys.text.task import Phase, Task, groups, pooled
from recsys.text.validation import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What training showed at one look at the validation window.

    Attributes:
        phase: "head" or "layers".
        step: steps done in the phase.
        loss: mean loss since the last look; None before the first step.
        ndcg: mean nDCG@10 of the validation users.
        recall: mean recall@20.
        sure: whether it is the phase's first, or surely better: by more than `finetune.gain_errors` standard errors.
    """

    phase: str
    step: int
    loss: float | None
    ndcg: float
    recall: float
    sure: bool = True

    @property
    def merit(self) -> float:
        """nDCG@10; none where the gain may be chance, for what training changes without gain it unlearns."""
        return self.ndcg if self.sure else -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What draws are made with, as of the last look: a pure function of the weights then.

    Attributes:
        mined: int32 (u, n), texts near each user; None where no hard negatives are asked for.
        correction: float32 (n_texts,), what the loss subtracts from each text's logit.
    """

    mined: IntArray | None
    correction: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Stride:
    """What one step did.

    Attributes:
        loss: mean over its draws.
        tokens: of the distinct texts of each draw.
    """

    loss: float
    tokens: int


def train(task: Task, phase: Phase, checkpoints: Checkpoints[Look], progress: Progress) -> tuple[Look, ...]:
    """Train the task's towers in place, up to the best look of the phase.

    Steps are pure functions of (seed, step) and the weights, so a run that was interrupted ends bit-equal.

    Args:
        task: what is trained.
        phase: what learns, for how many steps.
        checkpoints: written by the first worker at every look, read by all of them at the start.
        progress: called by the first worker after every step with loss, ndcg@10 and, where texts are encoded, tokens/s.

    Returns:
        The looks at the validation window, the first one before any step.

    Raises:
        TrainingError: a loss, gradient or vector that is not a number; the last checkpoint stays.
        ArtifactError: a checkpoint that does not fit the model.
    """
    optimiser = Optimiser.of(groups(task, phase), task.config.optimiser, steps=phase.steps)
    standing: Standing[Look] = Standing()
    vectors = item_vectors(task, phase)
    first = _judged(task, phase, vectors, step=0)
    found = checkpoints.read(task.towers, optimiser)
    if found is None:
        standing, best = standing.judged(_look(task, phase, standing, first, first)), trained(task.towers)
        supply = _supply(task, vectors)
    else:
        standing, best = found
        supply = _supply(task, item_vectors(task, phase) if task.config.hard_negatives else None)
    while standing.step < phase.steps and standing.misses < task.config.patience:
        started = time.perf_counter()
        stride = _step(task, phase, optimiser, standing.step, supply)
        rate = stride.tokens / (time.perf_counter() - started)
        standing = standing.after(stride.loss)
        if standing.step % task.config.evaluate_every == 0 or standing.step == phase.steps:
            vectors = item_vectors(task, phase)
            quality = _judged(task, phase, vectors, step=standing.step)
            standing = standing.judged(_look(task, phase, standing, quality, first))
            supply = _supply(task, vectors) if task.config.hard_negatives else supply
            best = trained(task.towers) if standing.misses == 0 else best
            if task.shard.index == 0:
                checkpoints.write(standing, task.towers, best, optimiser)
        if task.shard.index == 0:
            progress(standing.step, phase.steps, _figures(stride, standing, phase, rate))
    restore(task.towers, best)
    return standing.looks


def _figures(stride: Stride, standing: Standing[Look], phase: Phase, rate: float) -> dict[str, float]:
    figures = {"loss": stride.loss, "ndcg@10": standing.looks[-1].ndcg}
    return figures | {"tokens/s": rate} if phase.name == "layers" else figures


def _step(task: Task, phase: Phase, optimiser: Optimiser, step: int, supply: Supply) -> Stride:
    """Draws of the step, one after another, their gradients averaged; then the weights follow."""
    config = task.config
    place = step if phase.name == "layers" else config.max_steps + step
    losses, tokens = [], 0
    for stream in range(place * config.accumulate, (place + 1) * config.accumulate):
        batch = task.pairs.draw(stream, supply.mined)
        correction_C = supply.correction[torch.from_numpy(batch.texts)]
        losses.append(add_gradients(task, phase, batch, correction_C, stream=stream))
        if not math.isfinite(losses[-1]):
            raise _not_finite(task, phase, batch, step, f"loss, got {losses[-1]}")
        tokens += int(task.pairs.lengths[batch.texts].sum())
    exchange(optimiser.parameters, task.shard)
    norm = optimiser.step(step)
    if not math.isfinite(norm):
        raise _not_finite(task, phase, batch, step, f"gradient, got norm {norm}")
    return Stride(loss=sum(losses) / len(losses), tokens=tokens)


def _not_finite(task: Task, phase: Phase, batch: Batch, step: int, what: str) -> TrainingError:
    return TrainingError(
        f"Expected a finite {what} at step {step} of the {phase.name} phase, from {len(batch.own)} users and "
        f'{len(batch.texts)} texts, the first "{task.pairs.corpus.texts[batch.texts[0]]}"; the last checkpoint stays: '
        "lower finetune.optimiser.layer_rate and head_rate."
    )


def item_vectors(task: Task, phase: Phase) -> FloatArray:
    """float32 (n_texts, D): the vectors of all texts as the towers stand, each worker encoding its share."""
    with torch.no_grad():
        own_ND = task.towers.text.head.project(pooled(task, phase)(np.flatnonzero(task.mine)))
        return np.asarray(task.shard.gathered(own_ND, task.mine).cpu().numpy(), np.float32)


def _interest(task: Task) -> InterestModel:
    return task.towers.user.export(day=task.pairs.corpus.day, history_items=task.config.history_items)


def _supply(task: Task, vectors: FloatArray | None) -> Supply:
    pairs, strength = task.pairs, task.config.objective.logq
    mined = mine(pairs, _interest(task), vectors) if task.config.hard_negatives and vectors is not None else None
    correction = strength * torch.from_numpy(pairs.log_inclusion(mined))
    return Supply(mined=mined, correction=correction.to(task.device))


def _judged(task: Task, phase: Phase, vectors: FloatArray, *, step: int) -> Quality:
    if not np.isfinite(vectors).all():
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        raise TrainingError(
            f"Expected finite vectors, got {len(bad)} that are not after step {step} of the {phase.name} "
            f'phase, the first of "{task.pairs.corpus.texts[bad[0]]}"; the last checkpoint stays: lower '
            "finetune.optimiser.layer_rate and head_rate."
        )
    return task.validation.judge(_interest(task), vectors)


def _look(task: Task, phase: Phase, standing: Standing[Look], quality: Quality, first: Quality) -> Look:
    gain_U = quality.ndcg - first.ndcg
    sure = standing.step == 0 or gain_U.mean() > task.config.gain_errors * gain_U.std() / math.sqrt(len(gain_U))
    # the first worker's judgement counts: machines that round differently would stop at different looks
    own = torch.tensor([quality.ndcg.mean(), quality.recall.mean(), sure], dtype=torch.float64, device=task.device)
    ndcg, recall, told = task.shard.total(own if task.shard.index == 0 else torch.zeros_like(own)).tolist()
    return Look(phase=phase.name, step=standing.step, loss=standing.loss, ndcg=ndcg, recall=recall, sure=bool(told))
