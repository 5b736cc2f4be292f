"""The static student."""

import numpy as np
import pytest
import torch

from recsys.errors import ConfigError
from recsys.retrieval.interest import InterestModel
from recsys.settings import load
from recsys.text.compress.config import CompressConfig
from recsys.text.compress.served import serve
from recsys.text.distill.distillation import distill
from recsys.text.distill.static import StaticPupil
from recsys.text.distill.teach import learn
from recsys.text.encoder import TransformerEncoder
from recsys.text.static import StaticEncoder, StaticTower
from tests.tiny import silent


def test_a_static_student_is_taught_and_calibrated(teacher, corpus, brief):
    config = brief(kind="static", max_steps=30)
    students = [distill(teacher, corpus, config=config, progress=silent) for _ in range(2)]
    first, second = (student.encoder.encode(corpus.texts) for student in students)
    assert isinstance(students[0].encoder, StaticEncoder)
    assert np.array_equal(first, second)
    assert (first * TransformerEncoder.load(teacher).encode(corpus.texts)).sum(axis=1).mean() > 0.95
    assert students[0].interest.calibration != InterestModel.load(teacher).calibration


def test_rows_and_weights_of_any_table_learn(lesson_of, brief):
    config = brief(kind="static", max_steps=60, rate=3e-2)
    lesson, noise, losses = lesson_of(config), torch.Generator().manual_seed(0), []
    vocabulary = 1 + int(lesson.tokens.ids.max())
    tower = StaticTower(torch.randn(vocabulary, lesson.vectors.shape[1], generator=noise), torch.zeros(vocabulary))
    pupil = StaticPupil(tower=tower, tokens=lesson.tokens)
    vectors = learn(pupil, lesson, config=config, progress=lambda _, __, metrics: losses.append(metrics["loss"]))
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 3
    assert (vectors * lesson.vectors.numpy()).sum(axis=1).mean() > 0.9
    assert bool(tower.logits.detach().any())


def test_it_learns_at_several_widths_and_is_served_narrow(teacher, corpus, brief, tmp_path):
    student = distill(teacher, corpus, config=brief(kind="static", max_steps=20, dims=(16, 8)), progress=silent)
    served = serve(student, CompressConfig(dim=8), corpus, tmp_path)
    assert served.encoder.dim == served.interest.dim == 8
    assert served.vectors == pytest.approx(student.encoder.cut(8).encode(corpus.texts), abs=1e-4)
    turned = serve(student, CompressConfig(dim=8, reduction="pca"), corpus, tmp_path)
    assert turned.vectors.shape == served.vectors.shape
    assert not np.allclose(turned.vectors, served.vectors, atol=1e-2)


@pytest.mark.parametrize("setting", ["hidden=1", "prune=0.2"])
def test_what_needs_layers(setting):
    with pytest.raises(ConfigError, match=r"hidden and prune at 0 for kind static: a table of tokens has no layers"):
        load(None, ["distill.kind=static", f"distill.{setting}"])
