"""From a pretrained encoder and a log to the teacher: encoder, user tower, calibration, training curve."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from recsys.artifacts import digest_of
from recsys.retrieval.interest import InterestModel
from recsys.schema import Progress
from recsys.text import lora
from recsys.text.checkpoint import Checkpoints, Look
from recsys.text.config import EncoderConfig, FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.pairs import Pairs
from recsys.text.states import FrozenStates
from recsys.text.threads import limited
from recsys.text.training import Phase, Shard, Task, Towers, item_vectors, layer_vectors, train
from recsys.text.user import UserTower
from recsys.text.validation import Validation

HISTORY = "history.json"

_SCALE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """What training leaves.

    Attributes:
        encoder: item text to vector; its digest is that of the base until it is saved and loaded.
        interest: history to user vector, score to probability.
        looks: the curve of both phases.
    """

    encoder: TransformerEncoder
    interest: InterestModel
    looks: tuple[Look, ...]

    def save(self, directory: Path) -> None:
        """Write what `TransformerEncoder.load` and `InterestModel.load` read, and history.json, the curve."""
        self.encoder.save(directory)
        self.interest.save(directory)
        (directory / HISTORY).write_text(json.dumps([asdict(look) for look in self.looks], indent=1))


def finetune(
    corpus: Corpus,
    *,
    base: Path,
    encoder: EncoderConfig,
    config: FinetuneConfig,
    workdir: Path,
    progress: Progress,
    shard: Shard | None = None,
) -> Teacher:
    """Train in this process.

    Args:
        corpus: what was known at encoder_end.
        base: folder of a pretrained BERT-family model.
        encoder: how text becomes a vector; its `base` is not read here.
        config: the settings.
        workdir: checkpoints; the same directory resumes an interrupted run, which ends bit-equal.
        progress: called after every step.
        shard: which of several workers this is; the only one by default.

    Returns:
        The teacher, as it was at its best look at the validation window, calibrated on that window.

    Raises:
        ArtifactError: the base cannot be read.
        ConfigError: more layers are to learn than the base has.
        TrainingError: nothing to learn from, or a loss that is not a number.
    """
    shard = shard or Shard.alone()
    untrained = TransformerEncoder.of_base(base, max_tokens=encoder.max_tokens, pooling=encoder.pooling)
    key = digest_of([config.model_dump(mode="json"), untrained.digest, encoder.pooling, corpus.digest])
    workdir.mkdir(parents=True, exist_ok=True)
    states_file = workdir / f"states-{shard.index}.npy"
    try:
        with limited(config.threads):
            task = _task(corpus, untrained, config, states_file)
            looks = _phases(task, Checkpoints(directory=workdir, key=key), shard, progress)
            lora.merge(task.towers.text)
            vectors = item_vectors(layer_vectors(task), len(corpus.texts))
            learned = task.towers.user.export(day=corpus.day, history_items=config.history_items)
    finally:
        states_file.unlink(missing_ok=True)
    interest = task.validation.calibrated(learned, vectors, config.calibration)
    return Teacher(encoder=untrained, interest=interest, looks=looks)


def _task(corpus: Corpus, encoder: TransformerEncoder, config: FinetuneConfig, states_file: Path) -> Task:
    tower = encoder.tower
    tokens = encoder.tokens(corpus.texts)
    states = FrozenStates.of(tower, tokens, layers=tower.frozen(config.tune), path=states_file)
    if config.tune == "lora":
        lora.adapt(tower, rank=config.lora_rank, alpha=config.lora_alpha, seed=config.seed)
    with torch.no_grad():
        pooled = states.pooled(tower, np.arange(len(tokens)))
        # centring: what all texts of a shop have in common says nothing about any of them
        tower.head.bias.copy_(-pooled.mean(dim=0))
    pairs = Pairs.of(corpus.teaching(), tokens.lengths, config)
    start = InterestModel.zero_shot(encoder.dim, corpus.day, history_items=config.history_items)
    return Task(
        towers=Towers(tower, UserTower(start, scale=_SCALE)),
        states=states,
        pooled=pooled,
        pairs=pairs,
        correction=config.objective.logq * torch.from_numpy(pairs.log_inclusion()),
        validation=Validation.of(corpus),
        config=config,
        pooling=encoder.pooling,
    )


def _phases(task: Task, checkpoints: Checkpoints, shard: Shard, progress: Progress) -> tuple[Look, ...]:
    phases = (Phase(name="head", steps=task.config.head_steps), Phase(name="layers", steps=task.config.max_steps))
    total = sum(phase.steps for phase in phases)
    looks: tuple[Look, ...] = ()
    done = 0
    for phase in phases:
        own = replace(checkpoints, directory=checkpoints.directory / phase.name)
        looks += train(task, phase, own, shard, _shifted(progress, done, total))
        done += phase.steps
    progress(total, total, {"ndcg@10": max(look.ndcg for look in looks)})
    return looks


def _shifted(progress: Progress, done: int, total: int) -> Progress:
    def report(step: int, _: int, metrics: Mapping[str, float]) -> None:
        progress(done + step, total, metrics)

    return report
