"""From a pretrained encoder and a log to the teacher: encoder, user tower, calibration, training curve."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recsys.artifacts import digest_of
from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.schema import LongArray, Progress
from recsys.text import continual
from recsys.text.bases import lora
from recsys.text.bases.card import Card
from recsys.text.bases.config import EncoderConfig
from recsys.text.bases.hub import is_name
from recsys.text.checkpoint import Checkpoints
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.device import chosen
from recsys.text.encoder import TextTower, TransformerEncoder
from recsys.text.origin import Origin, write_scale
from recsys.text.pairs import Pairs
from recsys.text.prefixes import widths
from recsys.text.shard import Shard
from recsys.text.starting_head import starting_dim, starting_head
from recsys.text.states import FrozenStates
from recsys.text.task import Penalty, Phase, Task, Towers
from recsys.text.threads import limited
from recsys.text.tokens import Tokens
from recsys.text.training import Look, item_vectors, train
from recsys.text.user import UserTower
from recsys.text.validation import Validation

HISTORY = "history.json"

_LEAST_USERS = 2
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """What training leaves.

    Attributes:
        encoder: item text to vector; its digest is that of the base until it is saved and loaded.
        interest: history to user vector, score to probability.
        looks: the curve of both phases.
        scale: inverse temperature of the softmax, for a training that goes on.
        card: what the saved encoder's README tells.
    """

    encoder: TransformerEncoder
    interest: InterestModel
    looks: tuple[Look, ...]
    scale: float
    card: Card

    def save(self, directory: Path) -> None:
        """Write what `TransformerEncoder.load`, `InterestModel.load` and `Origin.of_teacher` read, and history.json."""
        self.encoder.save(directory, self.card)
        self.interest.save(directory)
        write_scale(self.scale, directory)
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
    start: Path | None = None,
) -> Teacher:
    """Train in this process.

    Args:
        corpus: what was known at encoder_end.
        base: folder of a pretrained model.
        encoder: how text becomes a vector; its `base` is but a name here, for the card.
        config: the settings.
        workdir: checkpoints; the same directory resumes an interrupted run, which ends bit-equal.
        progress: called after every step.
        shard: which of several workers this is; the only one by default.
        start: directory of a teacher to go on from, as `config.continual` says, instead of `base` and `encoder`.

    Returns:
        The teacher, as it was at its best look at the validation window, calibrated on that window.

    Raises:
        ArtifactError: base, start or checkpoint cannot be read.
        ConfigError: more layers are to learn than the base has, or a device that is not there.
        TrainingError: nothing to learn from, or a loss that is not a number.
    """
    origin = Origin.of_base(base, encoder) if start is None else Origin.of_teacher(start)
    shaping = config.model_dump(mode="json", exclude={"max_failures"})
    key = digest_of([shaping, origin.digest, corpus.digest])
    workdir.mkdir(parents=True, exist_ok=True)
    origin.encoder.tower.to(chosen(config.device))
    with limited(config.threads):
        task = prepared(corpus, origin, config, shard or Shard.alone(), workdir)
        phases = _phases(config, origin)
        looks = _trained(task, phases, Checkpoints(directory=workdir, key=key, look=Look), progress)
        vectors = item_vectors(task, phases[-1])
        lora.merge(task.towers.text)
    task.towers.to("cpu")
    learned = task.towers.user.export(day=corpus.day, history_items=config.history_items)
    interest = task.validation.calibrated(learned, vectors, config.calibration)
    card = _card(corpus, encoder.base, origin.encoder, looks, config)
    scale = float(task.towers.user.log_scale.detach().exp())
    return Teacher(encoder=origin.encoder, interest=interest, looks=looks, scale=scale, card=card)


def prepared(corpus: Corpus, origin: Origin, config: FinetuneConfig, shard: Shard, workdir: Path) -> Task:
    """What is trained, before the first step.

    Args:
        corpus: what was known at encoder_end.
        origin: its tower is on the device that trains, and becomes part of the task.
        config: the settings.
        shard: which of several workers this is.
        workdir: an existing directory for the frozen layers' states.

    Raises:
        ConfigError: more layers are to learn than there are, or vectors wider than there are.
        TrainingError: too few users with something to learn.
    """
    tower = origin.encoder.tower
    dim = starting_dim(tower.dim, config) if origin.interest is None else tower.dim
    widths(config.objective.dims, dim, setting="finetune.objective.dims")
    tokens = origin.encoder.tokens(corpus.texts)
    pairs = _pairs(corpus, tokens, config)
    mine = shard.share(tokens.lengths)
    frozen = tower.frozen(config.tune) if _phases(config, origin)[-1].steps else len(tower.layers)
    states = _states(tower, tokens, np.flatnonzero(mine), frozen, config, workdir / f"states-{shard.index}.npy")
    if config.tune == "lora":
        lora.adapt(tower, rank=config.lora_rank, alpha=config.lora_alpha, seed=config.seed)
    with torch.no_grad():
        pooled = shard.gathered(states.pooled(tower, np.flatnonzero(mine)), mine)
    towers = _towers(origin, pooled, corpus, config)
    return Task(
        towers=towers,
        states=states,
        pooled=pooled,
        pairs=pairs,
        validation=Validation.of(corpus),
        config=config,
        pooling=origin.encoder.pooling,
        shard=shard,
        mine=mine,
        penalty=_penalty(origin, towers, pooled, config),
    )


def _towers(origin: Origin, pooled: Tensor, corpus: Corpus, config: FinetuneConfig) -> Towers:
    tower, interest = origin.encoder.tower, origin.interest
    if interest is None:
        tower.head = starting_head(tower.head, pooled.cpu(), corpus.teaching(), config)
        interest = InterestModel.zero_shot(tower.dim, corpus.day, history_items=config.history_items)
    return Towers(tower, UserTower(interest, scale=origin.scale)).to(pooled.device)


def _penalty(origin: Origin, towers: Towers, pooled: Tensor, config: FinetuneConfig) -> Penalty | None:
    """What keeps the knowledge of a teacher that is gone on from."""
    if origin.interest is None:
        return None
    with torch.no_grad():
        return continual.penalty(config.continual, towers, towers.text.head.project(pooled))


def _card(
    corpus: Corpus, base: str, encoder: TransformerEncoder, looks: tuple[Look, ...], config: FinetuneConfig
) -> Card:
    best = max(looks, key=lambda look: look.merit)
    return Card(
        base=base if is_name(base) else Path(base).name,
        base_digest=encoder.digest,
        window=(int(corpus.at.min()), corpus.end),
        texts=len(corpus.texts),
        metrics={"nDCG@10": best.ndcg, "recall@20": best.recall},
        dims=widths(config.objective.dims, encoder.dim, setting="finetune.objective.dims")[1:],
    )


def _pairs(corpus: Corpus, tokens: Tokens, config: FinetuneConfig) -> Pairs:
    pairs = Pairs.of(corpus.teaching(), tokens.lengths, config)
    learners, least = int(np.count_nonzero(np.diff(pairs.moment_rows))), max(_LEAST_USERS, config.workers)
    if learners < least:
        raise TrainingError(
            f"Expected at least {least} users who take something new after their first event, {_LEAST_USERS} and one a "
            f"worker, found {learners}; bring a longer log or lower finetune.workers, now {config.workers}."
        )
    return pairs.since(corpus.earlier[-1][1], replay=config.continual.replay) if corpus.earlier else pairs


def _states(
    tower: TextTower, tokens: Tokens, rows: LongArray, layers: int, config: FinetuneConfig, path: Path
) -> FrozenStates:
    """Cached on disk if there is anything to save by it, and room; the file's name is gone at once, its bytes later."""
    needed = int(tokens.lengths[rows].sum()) * tower.width * 4
    if layers == 0 or needed > config.cache_gib * _GIB:
        return FrozenStates(tokens=tokens, layers=layers)
    try:
        return FrozenStates.of(tower, tokens, layers=layers, path=path, rows=rows)
    finally:
        path.unlink(missing_ok=True)


def _phases(config: FinetuneConfig, origin: Origin) -> tuple[Phase, ...]:
    if origin.interest is not None:
        return (Phase(name="layers", steps=config.continual.steps),)
    return (Phase(name="head", steps=config.head_steps), Phase(name="layers", steps=config.max_steps))


def _trained(
    task: Task, phases: tuple[Phase, ...], checkpoints: Checkpoints[Look], progress: Progress
) -> tuple[Look, ...]:
    total = sum(phase.steps for phase in phases)
    looks: tuple[Look, ...] = ()
    done = 0
    for phase in phases:
        own = replace(checkpoints, directory=checkpoints.directory / phase.name)
        looks += train(task, phase, own, _shifted(progress, done, total))
        done += phase.steps
    if task.shard.index == 0:
        progress(total, total, {"ndcg@10": max(look.merit for look in looks)})
    return looks


def _shifted(progress: Progress, done: int, total: int) -> Progress:
    def report(step: int, _: int, metrics: Mapping[str, float]) -> None:
        progress(done + step, total, metrics)

    return report
