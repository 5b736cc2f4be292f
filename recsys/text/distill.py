"""From the teacher to a student of fewer layers that gives the same vectors and ranks alike."""

import copy
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, LongArray, Progress
from recsys.text.config import DistillConfig
from recsys.text.corpus import Corpus
from recsys.text.encoder import TextTower, TransformerEncoder
from recsys.text.losses.distribution import distribution_loss
from recsys.text.losses.vector import vector_loss
from recsys.text.optimiser import rate_factor
from recsys.text.passes import passes
from recsys.text.states import FrozenStates
from recsys.text.threads import limited
from recsys.text.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """What distillation leaves.

    Attributes:
        encoder: fewer layers; its digest is the teacher's, the export gives it its own.
        interest: the teacher's user tower, calibrated anew on the student's vectors.
    """

    encoder: TransformerEncoder
    interest: InterestModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What the student is to match.

    Attributes:
        vectors: float32 (n_texts, D), the teacher's.
        users: float32 (n_users, D), the teacher's user vectors as of encoder_end; no zero rows.
    """

    vectors: Tensor
    users: Tensor


def distill(teacher: Path, corpus: Corpus, *, config: DistillConfig, progress: Progress) -> Student:
    """Train a student on texts known before encoder_end.

    Args:
        teacher: directory of the teacher's encoder and interest model.
        corpus: what was known at encoder_end.
        config: the settings.
        progress: called after every step.

    Returns:
        The student, calibrated on the corpus' validation window by a curve of the teacher's kind.

    Raises:
        TrainingError: more layers asked for than the teacher has, or a loss that is not a number.
    """
    encoder, interest = TransformerEncoder.load(teacher), InterestModel.load(teacher)
    tower = shallow(encoder.tower, config.layers)
    with limited(config.threads), tempfile.TemporaryDirectory() as work:
        lesson = _lesson(encoder, interest, corpus)
        tokens = encoder.tokens(corpus.texts)
        states = FrozenStates.of(tower, tokens, layers=config.frozen_layers, path=Path(work) / "states.npy")
        vectors = _learn(tower, states, lesson, config, progress)
        calibrated = Validation.of(corpus).calibrated(interest, vectors, interest.calibration.kind)
    student = TransformerEncoder(
        tower=tower.eval(),
        tokenizer=encoder.tokenizer,
        max_tokens=encoder.max_tokens,
        pooling=encoder.pooling,
        digest=encoder.digest,
    )
    return Student(encoder=student, interest=calibrated)


def shallow(teacher: TextTower, layers: int) -> TextTower:
    """A copy that keeps `layers` of the layers, at even distances, the lowest and the highest among them.

    Raises:
        TrainingError: the teacher has fewer layers.
    """
    depth = len(teacher.layers)
    if layers > depth:
        raise TrainingError(f"Expected at most {depth} layers, the teacher's, got distill.layers = {layers}; lower it.")
    kept = np.linspace(depth - 1, 0, layers).astype(int)[::-1] if layers > 1 else np.array([depth - 1])
    tower = copy.deepcopy(teacher)
    tower.backbone.keep([int(i) for i in kept])
    return tower


def _lesson(encoder: TransformerEncoder, interest: InterestModel, corpus: Corpus) -> Lesson:
    vectors = encoder.encode(corpus.texts)
    users = interest.user_vectors(corpus.histories(np.unique(corpus.user)), vectors, as_of=corpus.end)
    return Lesson(vectors=torch.from_numpy(vectors), users=torch.from_numpy(users))


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
