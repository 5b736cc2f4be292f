"""A tower of any shape, shallow, narrow or pruned, learns from the teacher."""

import itertools
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import TrainingError
from recsys.schema import FloatArray, LongArray, Progress
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.lesson import Lesson
from recsys.text.distill.student import Student
from recsys.text.encoder import TextTower, TransformerEncoder
from recsys.text.losses.distribution import distribution_loss
from recsys.text.losses.vector import vector_loss
from recsys.text.optimiser import rate_factor
from recsys.text.passes import passes
from recsys.text.states import FrozenStates
from recsys.text.threads import limited
from recsys.text.validation import Validation


def teach(tower: TextTower, lesson: Lesson, *, config: DistillConfig, progress: Progress) -> Student:
    """Train a tower, in place, on the texts known before encoder_end.

    Args:
        tower: reads the tokens of the teacher's tokenizer and gives vectors of the teacher's width.
        lesson: what it is to match.
        config: the settings.
        progress: called after every step.

    Returns:
        The student, calibrated on the corpus' validation window by a curve of the teacher's kind.

    Raises:
        TrainingError: a loss that is not a number.
    """
    teacher = lesson.encoder
    with limited(config.threads), tempfile.TemporaryDirectory() as work:
        path = Path(work) / "states.npy"
        states = FrozenStates.of(tower, lesson.tokens, layers=config.frozen_layers, path=path)
        vectors = _learn(tower, states, lesson, config, progress)
        validation = Validation.of(lesson.corpus)
        calibrated = validation.calibrated(lesson.interest, vectors, lesson.interest.calibration.kind)
    encoder = TransformerEncoder(
        tower=tower.eval(),
        tokenizer=teacher.tokenizer,
        max_tokens=teacher.max_tokens,
        pooling=teacher.pooling,
        digest=teacher.digest,
    )
    return Student(encoder=encoder, interest=calibrated)


def _learn(
    tower: TextTower, states: FrozenStates, lesson: Lesson, config: DistillConfig, progress: Progress
) -> FloatArray:
    """Train in place; the student's vectors of all texts, (n_texts, D)."""
    parameters = [*tower.layers[states.layers :].parameters(), tower.head.projection, tower.head.bias]
    tower.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    steps = config.max_steps
    schedule = passes(states.tokens.lengths, tokens=config.tokens_per_step, seed=config.seed)
    for step, rows in enumerate(itertools.islice(schedule, steps)):
        for group in optimiser.param_groups:
            group["lr"] = config.rate * rate_factor(step, steps, config.warmup)
        loss = _loss(tower, states, lesson, rows, config, step)
        if not bool(torch.isfinite(loss)):
            raise TrainingError(f"Expected a finite loss, got {float(loss)} at step {step}; lower distill.rate.")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        progress(step + 1, steps, {"loss": float(loss.detach())})
    with torch.no_grad():
        return np.asarray(tower.head.project(states.pooled(tower, np.arange(len(states.tokens)))).numpy(), np.float32)


def _loss(
    tower: TextTower, states: FrozenStates, lesson: Lesson, rows: LongArray, config: DistillConfig, step: int
) -> Tensor:
    student_ND = tower.head.project(states.pooled(tower, rows))
    teacher_ND = lesson.vectors[torch.from_numpy(rows)]
    loss = vector_loss(student_ND, teacher_ND)
    rng = np.random.default_rng([config.seed, step, 1])
    users = rng.choice(len(lesson.users), min(config.users_per_step, len(lesson.users)), replace=False)
    users_BD = lesson.users[torch.from_numpy(users)] / config.temperature
    return loss + config.scores * distribution_loss(users_BD @ student_ND.T, users_BD @ teacher_ND.T)
