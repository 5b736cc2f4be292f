"""What distillation leaves, and what it starts from: a copy of the teacher with less in it."""

import copy
from dataclasses import dataclass

import numpy as np

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.text.distill.config import DistillConfig
from recsys.text.encoder import TextTower, TransformerEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """What distillation leaves.

    Attributes:
        encoder: smaller than the teacher; its digest is the teacher's, the export gives it its own.
        interest: the teacher's user tower, calibrated anew on the student's vectors.
    """

    encoder: TransformerEncoder
    interest: InterestModel


def initial(teacher: TextTower, config: DistillConfig) -> TextTower:
    """The untaught student: some of the teacher's layers.

    Raises:
        TrainingError: more layers asked for than the teacher has.
    """
    return shallow(teacher, config.layers)


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
