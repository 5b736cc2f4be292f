"""A teacher of the small shop, and short lessons."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from recsys.retrieval.interest import InterestModel
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.lesson import Lesson
from recsys.text.encoder import TransformerEncoder
from tests.tiny import silent, write_base


def write_teacher(base: Path, corpus, directory: Path) -> Path:
    """An encoder that centres its vectors, and a user tower that has learned nothing."""
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    with torch.no_grad():
        encoder.tower.head.bias.copy_(torch.from_numpy(-encoder.encode(corpus.texts).mean(axis=0)))
    encoder.save(directory)
    InterestModel.zero_shot(encoder.dim, corpus.day).save(directory)
    return directory


@pytest.fixture(scope="session")
def teacher(base, corpus, tmp_path_factory) -> Path:
    return write_teacher(base, corpus, tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="session")
def other(corpus, tmp_path_factory) -> Path:
    """A teacher as wide that sees otherwise."""
    base = write_base(tmp_path_factory.mktemp("other-base"), seed=1)
    return write_teacher(base, corpus, tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="session")
def wider(corpus, tmp_path_factory) -> Path:
    base = write_base(tmp_path_factory.mktemp("wide-base"), width=48)
    return write_teacher(base, corpus, tmp_path_factory.mktemp("wider"))


@pytest.fixture(scope="session")
def brief() -> Callable[..., DistillConfig]:
    """Settings of a training of a second, with changes by name."""

    def make(**changes: object) -> DistillConfig:
        values = {
            "layers": 2,
            "frozen_layers": 0,
            "max_steps": 80,
            "tokens_per_step": 200,
            "rate": 1e-3,
            "users_per_step": 16,
            "threads": 1,
        }
        return DistillConfig.model_validate(values | changes)

    return make


@pytest.fixture(scope="session")
def lesson_of(teacher, corpus) -> Callable[[DistillConfig], Lesson]:
    return lambda config: Lesson.of(teacher, corpus, config=config, progress=silent)
