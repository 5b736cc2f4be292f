"""A student comes to see as its teacher does."""

import numpy as np
import torch

from recsys.retrieval.interest import InterestModel
from recsys.text.distill.distillation import distill
from recsys.text.distill.student import initial
from recsys.text.encoder import TransformerEncoder
from tests.tiny import silent


def likeness(student, teacher, texts):
    return float((student.encode(texts) * TransformerEncoder.load(teacher).encode(texts)).sum(axis=1).mean())


def test_the_student_comes_to_see_as_the_teacher_does(teacher, corpus, brief):
    losses = []
    student = distill(
        teacher, corpus, config=brief(), progress=lambda done, total, metrics: losses.append(metrics["loss"])
    )
    untaught = distill(teacher, corpus, config=brief(max_steps=0), progress=silent)
    assert len(student.encoder.tower.layers) == 2
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 2
    before = likeness(untaught.encoder, teacher, corpus.texts)
    assert 1 - likeness(student.encoder, teacher, corpus.texts) < (1 - before) / 2


def test_the_same_seed_gives_the_same_student_and_new_calibration(teacher, corpus, brief):
    runs = [distill(teacher, corpus, config=brief(max_steps=6), progress=silent) for _ in range(2)]
    first, second = (run.encoder.encode(corpus.texts) for run in runs)
    assert np.array_equal(first, second)
    assert runs[0].interest.calibration == runs[1].interest.calibration != InterestModel.load(teacher).calibration


def test_no_layer_of_a_narrow_student_is_frozen(teacher, corpus, brief):
    config = brief(width=16, frozen_layers=1, max_steps=2)
    untaught = initial(TransformerEncoder.load(teacher).tower, config)
    taught = distill(teacher, corpus, config=config, progress=silent).encoder.tower
    weights = [tower.layers[0].output.dense.weight for tower in (untaught, taught)]
    assert not torch.equal(*weights)
