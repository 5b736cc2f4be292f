"""The loss of a step: the sum of what the student is to match, each with its weight."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recsys.text import objective
from recsys.text.batch import Batch
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.curriculum import Curriculum, Step, objective_of
from recsys.text.distill.hidden import Hidden
from recsys.text.distill.lesson import Lesson
from recsys.text.distill.pupil import Pupil
from recsys.text.losses.distribution import distribution_loss
from recsys.text.losses.vector import vector_loss
from recsys.text.prefixes import prefix
from recsys.text.user import UserTower


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What labels are compared through; nothing here learns.

    Attributes:
        user: the teacher's user tower.
        correction: float32 (n_texts,), strength · log q.
    """

    user: UserTower
    correction: Tensor

    @classmethod
    def of(cls, curriculum: Curriculum) -> "Labels | None":
        """None where no labels are asked for."""
        if curriculum.pairs is None:
            return None
        user = UserTower(curriculum.lesson.interest, scale=1 / curriculum.config.temperature).requires_grad_(False)
        strength = curriculum.pairs.config.objective.logq
        return cls(user=user, correction=strength * torch.from_numpy(curriculum.pairs.log_inclusion()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """All losses.

    Attributes:
        lesson: what is matched.
        config: the weights.
        hidden: states of tokens; None at weight 0.
        labels: what users take; None at weight 0.
    """

    lesson: Lesson
    config: DistillConfig
    hidden: Hidden | None
    labels: Labels | None

    @classmethod
    def of(cls, pupil: Pupil, curriculum: Curriculum) -> "Objective":
        """For one student.

        Raises:
            ConfigError: hidden states are to be matched by a student without layers that learn.
        """
        lesson, config = curriculum.lesson, curriculum.config
        hidden = Hidden.of(pupil, lesson, config) if config.hidden > 0 else None
        return cls(lesson=lesson, config=config, hidden=hidden, labels=Labels.of(curriculum))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What learns beside the student."""
        return [] if self.hidden is None else list(self.hidden.maps)

    def losses(self, pupil: Pupil, step: Step) -> dict[str, Tensor]:
        """By the name of its weight, each times its weight; only those of weight above 0."""
        reading, config = pupil.read(step.texts), self.config
        found = {}
        if config.vectors > 0:
            found["vectors"] = config.vectors * self._vectors(reading.vectors, step)
        if config.scores > 0 and len(step.users):
            found["scores"] = config.scores * self._scores(reading.vectors, step)
        if self.hidden is not None:
            found["hidden"] = config.hidden * self.hidden.loss(step.texts, reading)
        if self.labels is not None and step.taken is not None:
            found["labels"] = config.labels * self._labels(reading.vectors, step, step.taken, self.labels)
        if self.lesson.joint is not None:
            found["cross"] = config.cross.weight * self._cross(reading.vectors, step)
        return found

    def _vectors(self, student_ND: Tensor, step: Step) -> Tensor:
        teacher_ND = self.lesson.vectors[torch.from_numpy(step.texts)]
        losses = [vector_loss(prefix(student_ND, dim), prefix(teacher_ND, dim)) for dim in self.lesson.users]
        return torch.stack(losses).mean()

    def _scores(self, student_ND: Tensor, step: Step) -> Tensor:
        temperature = self.config.temperature
        told_BN = self.lesson.teacher_scores(step.users, step.texts, temperature)
        places = torch.from_numpy(step.users)
        losses = [
            distribution_loss(users[places] @ prefix(student_ND, dim).T / temperature, told_BN)
            for dim, users in self.lesson.users.items()
        ]
        return torch.stack(losses).mean()

    def _labels(self, student_ND: Tensor, step: Step, taken: Batch, labels: Labels) -> Tensor:
        texts_CD = student_ND[torch.from_numpy(np.searchsorted(step.texts, taken.texts))]
        correction_C = labels.correction[torch.from_numpy(taken.texts)]
        return objective.loss(labels.user, texts_CD, taken, taken, correction_C, objective_of(self.config))

    def _cross(self, student_ND: Tensor, step: Step) -> Tensor:
        joint, config = self.lesson.joint, self.config
        assert joint is not None
        asked = torch.from_numpy(step.asked)
        texts_AKD = student_ND[torch.from_numpy(np.searchsorted(step.texts, joint.texts[step.asked]))]
        users_AD = self.lesson.users[student_ND.shape[1]][torch.from_numpy(joint.users[step.asked])]
        student_AK = (texts_AKD @ users_AD[:, :, None])[:, :, 0] / config.temperature
        return distribution_loss(student_AK, joint.scores[asked] / config.cross.temperature)
