"""The base encoder gets to know the shop's words: masked-language-model training on the items' text, before any click.

Adaptive pretraining (Gururangan et al. 2020, arXiv:2004.10964): the training that made BERT, continued on the domain's
own text. A tenth of the texts is held out and judges. Without dropout: what is hidden changes from pass to pass and is
noise enough, and a step stays a pure function of (seed, step) and the weights.
"""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from recsys.artifacts import digest_of
from recsys.errors import TrainingError
from recsys.schema import LongArray, Progress
from recsys.text.checkpoint import Checkpoints, Standing, restore, trained
from recsys.text.config import OptimiserConfig
from recsys.text.masked.config import PretrainConfig
from recsys.text.masked.masking import Masked, Reading
from recsys.text.masked.model import MaskedModel
from recsys.text.optimiser import Group, Optimiser
from recsys.text.passes import passes
from recsys.text.threads import limited

HISTORY = "history.json"

_TOKENS = 4096
_STEP, _JUDGE, _SPLIT = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the held-out texts showed.

    Attributes:
        step: steps done.
        loss: mean loss of the steps since the last look; None before the first.
        held_out: mean negative log-likelihood, in nats, of the hidden tokens of the held-out texts.
        perplexity: e to that.
    """

    step: int
    loss: float | None
    held_out: float
    perplexity: float

    @property
    def merit(self) -> float:
        """The log-likelihood of the held-out texts."""
        return -self.held_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """The adapted model at its best look.

    Attributes:
        model: encoder and head.
        looks: the curve, the first look before any step.
    """

    model: MaskedModel
    looks: tuple[Look, ...]

    def save(self, directory: Path) -> None:
        """Write the base layout with the head, and history.json, the curve, into an existing directory."""
        self.model.save(directory)
        (directory / HISTORY).write_text(json.dumps([asdict(look) for look in self.looks], indent=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Everything a training depends on: rows `teach` are learned from, `judge` is held out, hidden once and for all."""

    model: MaskedModel
    reading: Reading
    teach: LongArray
    judge: Masked
    judged: LongArray
    optimiser: Optimiser
    config: PretrainConfig


def pretrain(
    texts: Sequence[str], *, base: Path, config: PretrainConfig, workdir: Path, progress: Progress
) -> Pretrained:
    """Train in this process.

    Args:
        texts: of the items known at encoder_end, distinct.
        base: folder of a BERT-family model; one without a masked-language-model head gets a fresh one.
        config: the settings.
        workdir: the checkpoint; the same directory resumes an interrupted run, which ends bit-equal.
        progress: called after every step.

    Returns:
        The model as it was at its best look at the held-out texts.

    Raises:
        ArtifactError: the base cannot be read, or a checkpoint does not fit it.
        TrainingError: fewer than two texts, no known tokens, or a loss that is not a number.
    """
    if len(texts) < 2:
        raise TrainingError(f"Expected at least 2 distinct item texts to pretrain on, got {len(texts)}; bring more.")
    with limited(config.threads):
        model = MaskedModel.starting(base, seed=config.seed)
        key = digest_of([config.model_dump(mode="json"), model.digest, list(texts)])
        checkpoints = Checkpoints(directory=workdir / "masked", key=key, look=Look)
        return Pretrained(model=model, looks=_train(_task(texts, model, config), checkpoints, progress))


def _task(texts: Sequence[str], model: MaskedModel, config: PretrainConfig) -> _Task:
    reading = Reading.of(model, texts, config.max_tokens)
    order = np.random.default_rng([config.seed, _SPLIT]).permutation(len(texts))
    n_judge = min(max(1, round(config.held_out * len(texts))), len(texts) - 1)
    judged, teach = np.sort(order[:n_judge]), np.sort(order[n_judge:])
    judge = reading.masked(judged, config.share, np.random.default_rng([config.seed, _JUDGE]))
    optimiser = _optimiser(model, config)
    return _Task(
        model=model, reading=reading, teach=teach, judge=judge, judged=judged, optimiser=optimiser, config=config
    )


def _optimiser(model: MaskedModel, config: PretrainConfig) -> Optimiser:
    """Over layers and head; embeddings too where the settings say so. Everything else is frozen."""
    layers = list(model.layers.parameters()) + (model.embeddings if config.embeddings == "learned" else [])
    model.network.requires_grad_(False)
    groups = [
        Group(parameters=layers, rate=config.rate, decay=config.weight_decay),
        Group(parameters=model.head, rate=config.head_rate),
    ]
    return Optimiser.of(groups, OptimiserConfig(warmup=config.warmup, clip=config.clip), steps=config.steps)


def _train(task: _Task, checkpoints: Checkpoints[Look], progress: Progress) -> tuple[Look, ...]:
    config, network = task.config, task.model.network
    found = checkpoints.read(network, task.optimiser)
    fresh: Standing[Look] = Standing()
    standing, best = found or (fresh.judged(_look(task, fresh)), trained(network))
    steps = passes(task.reading.tokens.lengths[task.teach], tokens=config.tokens_per_step, seed=config.seed)
    for rows in itertools.islice(steps, standing.step, config.steps):
        if standing.misses >= config.patience:
            break
        standing = standing.after(_step(task, task.teach[rows], standing.step))
        if standing.step % config.evaluate_every == 0 or standing.step == config.steps:
            standing = standing.judged(_look(task, standing))
            best = trained(network) if standing.misses == 0 else best
            checkpoints.write(standing, network, best, task.optimiser)
        loss = standing.losses[-1] if standing.losses else standing.looks[-1].loss or math.nan
        progress(standing.step, config.steps, {"loss": loss, "perplexity": standing.looks[-1].perplexity})
    restore(network, best)
    return standing.looks


def _step(task: _Task, rows: LongArray, step: int) -> float:
    config = task.config
    masked = task.reading.masked(rows, config.share, np.random.default_rng([config.seed, _STEP, step]))
    total = 0.0
    for loss in _losses(task.model, masked, rows):
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    if not math.isfinite(total):
        raise TrainingError(
            f"Expected a finite loss, got {total} at step {step} of the pretraining; lower pretrain.rate and head_rate."
        )
    task.optimiser.step(step)
    return total


def _look(task: _Task, standing: Standing[Look]) -> Look:
    with torch.no_grad():
        held_out = sum(float(loss) for loss in _losses(task.model, task.judge, task.judged))
    return Look(step=standing.step, loss=standing.loss, held_out=held_out, perplexity=math.exp(held_out))


def _losses(model: MaskedModel, masked: Masked, rows: LongArray) -> Iterator[Tensor]:
    """Scalars, one for each length bucket, that add up to the mean loss of the hidden tokens."""
    answers = np.full(len(masked.tokens.ids), -1)
    answers[masked.chosen] = masked.answers
    for group in masked.tokens.groups(rows, tokens=_TOKENS):
        places_NT, mask_NT = masked.tokens.places(group)
        answers_NT = torch.from_numpy(answers)[places_NT].masked_fill(~mask_NT, -1)
        hidden_NT = answers_NT >= 0
        if hidden_NT.any():
            states_NTD = model.states(torch.from_numpy(masked.tokens.ids)[places_NT], mask_NT)
            guesses_MV = model.logits(states_NTD[hidden_NT])
            loss = nn.functional.cross_entropy(guesses_MV, answers_NT[hidden_NT], reduction="sum")
            yield loss / len(masked.chosen)
