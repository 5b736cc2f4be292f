"""What distillation leaves, and what it starts from: a copy of the teacher with less in it."""

import copy
from dataclasses import dataclass

import numpy as np

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.narrow import narrow
from recsys.text.encoder import TextTower, TransformerEncoder
from recsys.text.static import StaticEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """What distillation leaves.

    Attributes:
        encoder: smaller than the teacher; its digest is the teacher's, the export gives it its own.
        interest: the teacher's user tower, calibrated anew on the student's vectors.
    """

    encoder: TransformerEncoder | StaticEncoder
    interest: InterestModel


def initial(teacher: TextTower, config: DistillConfig) -> TextTower:
    """The untaught student: some of the teacher's layers, and of these the most important channels and heads.

    Raises:
        TrainingError: more layers or a greater width than the teacher has, or a width that it cannot be cut to.
    """
    tower = shallow(teacher, config.layers)
    return tower if config.width in {0, tower.width} else narrow(tower, config.width)


def shallow(teacher: TextTower, layers: int) -> TextTower:
    """A copy that keeps `layers` of the layers, those of `even`.

    Raises:
        TrainingError: the teacher has fewer layers.
    """
    depth = len(teacher.layers)
    if layers > depth:
        raise TrainingError(f"Expected at most {depth} layers, the teacher's, got distill.layers = {layers}; lower it.")
    tower = copy.deepcopy(teacher)
    tower.backbone.keep(even(depth, layers))
    return tower


def even(depth: int, layers: int) -> list[int]:
    """Which of a teacher's `depth` layers stand for a student's: at even distances, the lowest and the highest kept.

    >>> even(6, 3), even(6, 1)
    ([0, 2, 5], [5])
    """
    kept = np.linspace(depth - 1, 0, layers).astype(int)[::-1] if layers > 1 else np.array([depth - 1])
    return [int(i) for i in kept]
