"""Prompts tuned on a few users who were asked: LM-BFF (Gao et al. 2021, arXiv:2012.15723) with a fixed template.

The loss is the cross-entropy of the answer words alone, so that what the masked language model knows of "yes" and "no"
is where learning starts.
"""

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from recsys.errors import TrainingError
from recsys.schema import LongArray, Progress
from recsys.text.config import OptimiserConfig
from recsys.text.masked.config import TuningConfig
from recsys.text.masked.model import MaskedModel
from recsys.text.masked.prompt import Cloze
from recsys.text.optimiser import Group, Optimiser
from recsys.text.passes import passes
from recsys.text.threads import limited
from recsys.text.tokens import Tokens

_GROUP = 4096
_DECAY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Pairs of a history and a candidate, and whether the user took it.

    Attributes:
        histories: titles, oldest first.
        candidates: one title each.
        labels: 1 taken, 0 not.
    """

    histories: Sequence[Sequence[str]]
    candidates: Sequence[str]
    labels: Sequence[int]

    def __post_init__(self) -> None:
        wrong = [label for label in self.labels if label not in (0, 1)]
        if wrong:
            raise TrainingError(f"Expected labels 0 (not taken) or 1 (taken), got {wrong[0]!r}; map them to these two.")
        sizes = (len(self.histories), len(self.candidates), len(self.labels))
        if len(set(sizes)) != 1:
            raise TrainingError(f"Expected a history, a candidate and a label for each pair, got {sizes} of them.")
        if len(set(self.labels)) < 2:
            raise TrainingError(
                f"Expected pairs of both kinds, taken and not taken, got {len(self.labels)} of one; label more users."
            )


def tuned(cloze: Cloze, labelled: Labelled, config: TuningConfig, progress: Progress) -> Cloze:
    """A copy that has learned from labelled pairs; the head and the top layers learn, embeddings stay.

    A pure function of its arguments: the order of the pairs is drawn by `seed`, there is no dropout.

    Args:
        cloze: where learning starts; it stays as it is.
        labelled: what is learned from.
        config: what learns, how long, how fast.
        progress: called after every step.

    Raises:
        TrainingError: more layers asked for than there are, or a loss that is not a number.
    """
    model = replace(cloze.model, network=copy.deepcopy(cloze.model.network))
    learner = Cloze(model=model, prompt=cloze.prompt)
    tokens = cloze.prompt.tokens(labelled.histories, labelled.candidates)
    signs = torch.tensor(labelled.labels, dtype=torch.float32) * 2 - 1
    steps = config.epochs * math.ceil(int(tokens.lengths.sum()) / config.tokens_per_step)
    with limited(cloze.prompt.config.threads):
        optimiser = _optimiser(model, config, steps)
        schedule = passes(tokens.lengths, tokens=config.tokens_per_step, seed=cloze.prompt.config.seed)
        for step, rows in enumerate(itertools.islice(schedule, steps)):
            loss = _gradients(learner, tokens, rows, signs)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"Expected a finite loss, got {loss} at step {step}; lower the rate of the prompts."
                )
            optimiser.step(step)
            progress(step + 1, steps, {"loss": loss})
    model.network.requires_grad_(False)
    return learner


def _optimiser(model: MaskedModel, config: TuningConfig, steps: int) -> Optimiser:
    depth = len(model.layers)
    top = depth if config.tune == "all" else config.tune
    if top > depth:
        raise TrainingError(f"Expected tune of at most {depth}, the model's layers, got {top}; lower it.")
    layers = [p for layer in model.layers[depth - top :] for p in layer.parameters()]
    model.network.requires_grad_(False)
    group = Group(parameters=[*layers, *model.head], rate=config.rate, decay=_DECAY)
    return Optimiser.of([group], OptimiserConfig(), steps=steps)


def _gradients(cloze: Cloze, tokens: Tokens, rows: LongArray, signs: Tensor) -> float:
    """Of the mean over some pairs of -log σ(sign · margin), which is returned."""
    total = 0.0
    for group in tokens.groups(rows, tokens=_GROUP):
        loss = softplus(-signs[torch.from_numpy(group)] * cloze.margins(tokens, group)).sum() / len(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total
