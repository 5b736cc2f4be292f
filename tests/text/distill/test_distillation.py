"""A student of fewer layers."""

import numpy as np
import pytest
import torch

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.distillation import distill
from recsys.text.distill.student import shallow
from recsys.text.encoder import TransformerEncoder


@pytest.fixture(scope="module")
def teacher(base, corpus, tmp_path_factory):
    directory = tmp_path_factory.mktemp("teacher")
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    with torch.no_grad():
        encoder.tower.head.bias.copy_(torch.from_numpy(-encoder.encode(corpus.texts).mean(axis=0)))
    encoder.save(directory)
    InterestModel.zero_shot(encoder.dim, corpus.day).save(directory)
    return directory


def settings(**changes):
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


def likeness(student, teacher, texts):
    return float((student.encode(texts) * TransformerEncoder.load(teacher).encode(texts)).sum(axis=1).mean())


def test_the_student_comes_to_see_as_the_teacher_does(teacher, corpus):
    losses = []
    student = distill(
        teacher, corpus, config=settings(), progress=lambda done, total, metrics: losses.append(metrics["loss"])
    )
    untaught = distill(teacher, corpus, config=settings(max_steps=0), progress=lambda *_: None)
    assert len(student.encoder.tower.layers) == 2
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 3
    before = likeness(untaught.encoder, teacher, corpus.texts)
    assert 1 - likeness(student.encoder, teacher, corpus.texts) < (1 - before) / 3


def test_the_same_seed_gives_the_same_student_and_new_calibration(teacher, corpus):
    runs = [distill(teacher, corpus, config=settings(max_steps=6), progress=lambda *_: None) for _ in range(2)]
    first, second = (run.encoder.encode(corpus.texts) for run in runs)
    assert np.array_equal(first, second)
    assert runs[0].interest.calibration == runs[1].interest.calibration != InterestModel.load(teacher).calibration


def test_layers_are_kept_at_even_distances(base):
    tower = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").tower
    first, last = tower.layers[0].output.dense.weight, tower.layers[2].output.dense.weight
    small = shallow(tower, 2)
    assert torch.equal(small.layers[0].output.dense.weight, first)
    assert torch.equal(small.layers[1].output.dense.weight, last)
    assert len(tower.layers) == 3
    assert torch.equal(shallow(tower, 1).layers[0].output.dense.weight, last)


def test_more_layers_than_the_teacher_has(base):
    tower = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").tower
    with pytest.raises(TrainingError, match=r"Expected at most 3 layers, the teacher's, got distill.layers = 4"):
        shallow(tower, 4)
