"""Which texts and users a step is about, as a pure function of (seed, step) and the lesson."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from recsys.schema import LongArray
from recsys.text.batch import Batch
from recsys.text.config import FinetuneConfig, ObjectiveConfig
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.lesson import Lesson
from recsys.text.pairs import Pairs
from recsys.text.passes import passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        texts: int64 (N,), sorted and distinct: every one is encoded once.
        users: int64 (B,), whose score distributions over `texts` are matched.
        asked: int64 (A,), rows of the lesson's joint scores.
        taken: what users take, over texts that are all in `texts`; None without labels.
    """

    texts: LongArray
    users: LongArray
    asked: LongArray
    taken: Batch | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """All steps.

    Attributes:
        lesson: what is taught.
        config: the settings.
        pairs: what users take; None without labels.
    """

    lesson: Lesson
    config: DistillConfig
    pairs: Pairs | None

    @classmethod
    def of(cls, lesson: Lesson, config: DistillConfig) -> "Curriculum":
        """Find what the steps are drawn from.

        Raises:
            TrainingError: labels are asked for and nobody takes anything new after a first event.
        """
        pairs = None
        if config.labels > 0:
            settings = FinetuneConfig(
                objective=objective_of(config),
                history_items=lesson.interest.history_items,
                users_per_step=max(1, config.users_per_step),
                tokens_per_step=_budget(lesson, config),
                seed=config.seed,
            )
            pairs = Pairs.of(lesson.corpus.teaching(), lesson.tokens.lengths, settings)
        return cls(lesson=lesson, config=config, pairs=pairs)

    def steps(self, start: int = 0) -> Iterator[Step]:
        """`max_steps` of them, without the first `start`."""
        lengths, budget = self.lesson.tokens.lengths, _budget(self.lesson, self.config)
        schedule = passes(lengths, tokens=budget, seed=self.config.seed)
        for step, texts in enumerate(itertools.islice(schedule, start, self.config.max_steps), start):
            yield self._step(step, texts, budget)

    def _step(self, step: int, texts: LongArray, budget: int) -> Step:
        lesson, config = self.lesson, self.config
        rng = np.random.default_rng([config.seed, step, 1])
        known = len(lesson.voices[0].users)
        users = rng.choice(known, min(config.users_per_step, known), replace=False)
        parts, asked = [texts], np.zeros(0, np.int64)
        if config.candidates > 0:
            near = self._nearest(users)
            parts.append(near[: self._affordable(near, budget)].ravel())
        if lesson.joint is not None:
            asked = rng.permutation(len(lesson.joint.users))
            asked = asked[: self._affordable(lesson.joint.texts[asked], budget)]
            parts.append(lesson.joint.texts[asked].ravel())
        taken = None if self.pairs is None else self.pairs.draw(step)
        if taken is not None:
            parts.append(taken.texts)
        return Step(texts=np.unique(np.concatenate(parts)), users=users, asked=asked, taken=taken)

    def _nearest(self, users: LongArray) -> LongArray:
        """int64 (B, K), by the first teacher."""
        voice = self.lesson.voices[0]
        scores_BN = voice.users[torch.from_numpy(users)] @ voice.vectors.T
        k = min(self.config.candidates, scores_BN.shape[1])
        return scores_BN.topk(k, dim=1).indices.numpy()

    def _affordable(self, texts: LongArray, budget: int) -> int:
        """How many of the first rows fit into the tokens, a text counted once; at least 1."""
        _, first = np.unique(texts, return_index=True)
        tokens = np.zeros(texts.size, np.int64)
        tokens[first] = self.lesson.tokens.lengths[texts.ravel()[first]]
        spent = tokens.reshape(texts.shape).sum(axis=1).cumsum()
        return max(1, int((spent <= budget).sum()))


def objective_of(config: DistillConfig) -> ObjectiveConfig:
    """The finetune objective's softmax alone."""
    return ObjectiveConfig(softmax=1.0, pointwise=0.0, dims=config.dims)


def _budget(lesson: Lesson, config: DistillConfig) -> int:
    sources = 1 + sum([config.candidates > 0, config.labels > 0, lesson.joint is not None])
    return max(1, config.tokens_per_step // sources)
