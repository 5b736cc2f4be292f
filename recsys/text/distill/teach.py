"""A tower of any shape, shallow, narrow or pruned, learns from the teacher."""

import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from recsys.artifacts import digest_of
from recsys.errors import TrainingError
from recsys.schema import FloatArray, Progress
from recsys.text.checkpoint import Checkpoints, Judgement, Standing
from recsys.text.config import OptimiserConfig
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.curriculum import Curriculum
from recsys.text.distill.head_start import fit_head
from recsys.text.distill.lesson import Lesson
from recsys.text.distill.objective import Objective
from recsys.text.distill.pupil import Pupil, TransformerPupil
from recsys.text.distill.student import Student
from recsys.text.encoder import TextTower, TransformerEncoder
from recsys.text.optimiser import Group, Optimiser
from recsys.text.threads import limited
from recsys.text.validation import Validation

_DECAY = 0.01
_EVERY = 50
"""Steps from one checkpoint to the next: a minute or two."""


def teach(
    tower: TextTower, lesson: Lesson, *, config: DistillConfig, progress: Progress, workdir: Path | None = None
) -> Student:
    """Train a tower, in place, on the texts known before encoder_end.

    Args:
        tower: reads the tokens of the teacher's tokenizer and gives vectors of the teacher's width.
        lesson: what it is to match.
        config: the settings.
        progress: called after every step with the loss and its parts.
        workdir: as for `learn`.

    Returns:
        The student, calibrated on the corpus' validation window by a curve of the teacher's kind.

    Raises:
        ConfigError: hidden states are to be matched and no layer learns.
        TrainingError: labels are asked for and there are none, or a loss that is not a number.
    """
    teacher = lesson.encoder
    with limited(config.threads), tempfile.TemporaryDirectory() as work:
        path = Path(work) / "states.npy"
        pupil = TransformerPupil.of(tower, lesson.tokens, layers=config.frozen_layers, path=path)
        with torch.no_grad():
            fit_head(tower.head, pupil.frozen.pooled(tower, np.arange(len(lesson.tokens))), lesson.vectors)
        vectors = learn(pupil, lesson, config=config, progress=progress, workdir=workdir)
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


def learn(
    pupil: Pupil, lesson: Lesson, *, config: DistillConfig, progress: Progress, workdir: Path | None = None
) -> FloatArray:
    """Train in place, in this process.

    Steps are pure functions of seed, step and weights.

    Args:
        pupil: what learns.
        lesson: what it is to match.
        config: the settings.
        progress: called after every step with the loss and its parts.
        workdir: the checkpoint; the same directory resumes an interrupted training, which ends bit-equal. Without one
            an interruption leaves nothing behind.

    Returns:
        float32 (n_texts, D), the student's vectors of the corpus' texts.

    Raises:
        ConfigError, TrainingError: as `teach`.
        ArtifactError: a checkpoint that does not fit the pupil.
    """
    curriculum = Curriculum.of(lesson, config)
    objective = Objective.of(pupil, curriculum)
    learning = nn.ParameterList([*pupil.parameters, *objective.parameters])
    group = Group(parameters=list(learning), rate=config.rate, decay=_DECAY)
    optimiser = Optimiser.of([group], OptimiserConfig(warmup=config.warmup), steps=config.max_steps)
    checkpoints = None if workdir is None else _checkpoints(workdir, lesson, config)
    found = None if checkpoints is None else checkpoints.read(learning, optimiser)
    start = 0 if found is None else found[0].step
    for step, drawn in enumerate(curriculum.steps(start), start):
        losses = objective.losses(pupil, drawn)
        loss = torch.stack(list(losses.values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        if not math.isfinite(float(loss.detach())) or not math.isfinite(optimiser.step(step)):
            parts = ", ".join(f"{name} {float(value.detach()):.4g}" for name, value in losses.items())
            raise TrainingError(f"Expected a finite loss and gradient at step {step}, got {parts}; lower distill.rate.")
        figures = {name: float(value.detach()) for name, value in losses.items()}
        if checkpoints is not None and (step + 1) % _EVERY == 0:
            checkpoints.write(Standing(step=step + 1), learning, {}, optimiser)
        progress(step + 1, config.max_steps, {"loss": float(loss.detach())} | figures)
    with torch.no_grad():
        return np.asarray(pupil.read(np.arange(len(lesson.tokens))).vectors.numpy(), np.float32)


def _checkpoints(workdir: Path, lesson: Lesson, config: DistillConfig) -> Checkpoints[Judgement]:
    """Of this very training, as far as other teachers are what their paths say."""
    key = digest_of([config.model_dump(mode="json"), lesson.encoder.digest, lesson.corpus.digest])
    return Checkpoints(directory=workdir / "distilling", key=key, look=None)
