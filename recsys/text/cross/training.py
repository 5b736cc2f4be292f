"""How a cross-encoder learns: which of a few candidates did the user take?"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import TrainingError
from recsys.schema import LongArray, Progress
from recsys.text.bases.lora import learnable
from recsys.text.checkpoint import restore, trained
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.cross_encoder import CrossEncoder, CrossTower
from recsys.text.cross.joint import Joint, Reader
from recsys.text.cross.slates import Near, Slate, Slates
from recsys.text.cross.two_tower import TwoTower
from recsys.text.mining import mine
from recsys.text.optimiser import Group, Optimiser
from recsys.text.pairs import Pairs
from recsys.text.states import TOKENS
from recsys.text.threads import limited
from recsys.text.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossLook:
    """One look at the judging users.

    Attributes:
        step: steps done.
        loss: mean training loss since the last look; None before the first step.
        judged: mean loss of the judging users.
        first: share of them whose text taken scores highest.
    """

    step: int
    loss: float | None
    judged: float
    first: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """What the steps and looks need.

    Attributes:
        tower: trained in place.
        reader: puts rows together.
        titles: token ids of the corpus' texts.
        slates: the examples.
        judging: the users that judge.
        config: the settings.
    """

    tower: CrossTower
    reader: Reader
    titles: Sequence[list[int]]
    slates: Slates
    judging: Slate
    config: CrossEncoderConfig

    def joint(self, slate: Slate) -> Joint:
        """One row for each candidate, user by user."""
        histories = [[self.titles[t] for t in texts.tolist()] for texts in slate.histories]
        rows = [(h, self.titles[c]) for h, row in zip(histories, slate.candidates, strict=True) for c in row.tolist()]
        return self.reader.read(*zip(*rows, strict=True))


def train_cross_encoder(
    corpus: Corpus,
    *,
    start: Path,
    config: CrossEncoderConfig,
    two_tower: TwoTower | None,
    progress: Progress,
) -> tuple[CrossEncoder, tuple[CrossLook, ...]]:
    """Train in this process, in memory: an interruption leaves nothing behind.

    Args:
        corpus: what was known at encoder_end.
        start: a teacher's directory, or the folder of a pretrained model.
        config: the settings.
        two_tower: where hard negatives come from.
        progress: called after every step.

    Returns:
        The model as it was at its best look, and the looks, the first one before any step. Steps are pure functions of
        seed, step and weights.

    Raises:
        ArtifactError: nothing to start from.
        TrainingError: nothing to learn from, more layers than there are, or a loss that is not a number.
    """
    model = CrossEncoder.of(start, config)
    teaching = corpus.teaching()
    settings = FinetuneConfig(hard_skip=0)
    titles = model.reader.titles(corpus.texts)
    pairs = Pairs.of(teaching, np.array([len(title) for title in titles], np.int64), settings)
    with limited(config.threads):
        slates = Slates(pairs=pairs, config=config, near=_near(pairs, two_tower))
        course = _Course(
            tower=model.tower,
            reader=model.reader,
            titles=titles,
            slates=slates,
            judging=slates.judging(Validation.of(corpus), config.judges),
            config=config,
        )
        looks = _learn(course, progress)
    return model, looks


def _near(pairs: Pairs, two_tower: TwoTower | None) -> Near | None:
    if two_tower is None:
        return None
    return Near(teaching=mine(pairs, two_tower.interest, two_tower.vectors), two_tower=two_tower)


def _learn(course: _Course, progress: Progress) -> tuple[CrossLook, ...]:
    config, tower = course.config, course.tower
    optimiser = _optimiser(course)
    looks, losses = [_look(course, 0, [])], list[float]()
    best, misses = trained(tower), 0
    for step in range(config.max_steps):
        losses.append(_step(course, optimiser, step))
        if (step + 1) % config.evaluate_every == 0 or step + 1 == config.max_steps:
            look = _look(course, step + 1, losses)
            better = all(look.judged < earlier.judged for earlier in looks)
            best, misses = (trained(tower), 0) if better else (best, misses + 1)
            looks.append(look)
            losses = []
        progress(step + 1, config.max_steps, {"loss": losses[-1] if losses else looks[-1].judged})
        if misses == config.patience:
            break
    restore(tower, best)
    return tuple(looks)


def _optimiser(course: _Course) -> Optimiser:
    config, tower = course.config, course.tower
    depth = len(tower.text.layers)
    top = depth if config.tune == "all" else config.tune
    if top > depth:
        raise TrainingError(f"Expected tune of at most {depth}, the encoder's layers, got {top}; lower it.")
    tower.requires_grad_(False)
    rates, head = config.optimiser, tower.text.head
    groups = [
        Group(parameters=[head.projection, head.bias, tower.first], rate=rates.head_rate),
        Group(parameters=[tower.log_scale], rate=rates.pooling_rate),
        Group(parameters=learnable(tower.text, frozen=depth - top), rate=rates.layer_rate, decay=rates.weight_decay),
    ]
    return Optimiser.of([group for group in groups if group.parameters], rates, steps=config.max_steps)


def _step(course: _Course, optimiser: Optimiser, step: int) -> float:
    slate = course.slates.draw(step)
    joint = course.joint(slate)
    groups = list(joint.tokens.groups(np.arange(len(joint.tokens)), tokens=TOKENS))
    scores_N = torch.cat([course.tower(*joint.padded(rows)) for rows in groups])
    loss = slate_loss(_in_order(scores_N, groups).view(slate.candidates.shape), course.config).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    if not math.isfinite(optimiser.step(step)) or not math.isfinite(float(loss.detach())):
        raise TrainingError(
            f"Expected a finite loss, got {float(loss.detach())} at step {step} of the cross-encoder; lower "
            "optimiser.layer_rate and head_rate."
        )
    return float(loss.detach())


def _in_order(values_N: Tensor, groups: Sequence[LongArray]) -> Tensor:
    return values_N[torch.from_numpy(np.argsort(np.fromiter(itertools.chain(*groups), np.int64)))]


def _look(course: _Course, step: int, since: Sequence[float]) -> CrossLook:
    scores_N = torch.from_numpy(course.tower.scores(course.joint(course.judging)))
    scores_BC = scores_N.view(course.judging.candidates.shape)
    return CrossLook(
        step=step,
        loss=sum(since) / len(since) if since else None,
        judged=float(slate_loss(scores_BC, course.config).mean()),
        first=float((scores_BC[:, :1] > scores_BC[:, 1:]).all(dim=1).float().mean()),
    )


def slate_loss(scores_BC: Tensor, config: CrossEncoderConfig) -> Tensor:
    """(B,): the loss of each user, whose first candidate is the one taken.

    softmax: -ln softmax_c(score)[0], the cross-entropy over the user's candidates. pointwise: the binary cross-entropy
    of each candidate by itself, the one taken weighing as much as all others.
    """
    if config.loss == "softmax":
        return -torch.log_softmax(scores_BC, dim=1)[:, 0]
    return (nn.functional.softplus(-scores_BC[:, 0]) + nn.functional.softplus(scores_BC[:, 1:]).mean(dim=1)) / 2
