"""The loss of a step against its formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.text import objective
from recsys.text.distill.curriculum import Curriculum
from recsys.text.distill.joint_scores import JointScores
from recsys.text.distill.objective import Objective
from recsys.text.distill.pupil import TransformerPupil
from recsys.text.distill.student import initial
from recsys.text.user import UserTower


def losses(lesson, config, tmp_path):
    """Of the first step, with the student's vectors of its texts."""
    tower = initial(lesson.encoder.tower, config)
    pupil = TransformerPupil.of(tower, lesson.tokens, layers=config.frozen_layers, path=tmp_path / "states.npy")
    curriculum = Curriculum.of(lesson, config)
    step = next(curriculum.steps())
    found = Objective.of(pupil, curriculum).losses(pupil, step)
    return (
        {name: value.item() for name, value in found.items()},
        step,
        pupil.read(step.texts).vectors.detach(),
        curriculum,
    )


def divergence(student, teacher):
    p, q = torch.softmax(teacher, dim=1), torch.softmax(student, dim=1)
    return (p * (p / q).log()).sum(dim=1).mean().item()


def test_vectors_and_scores_by_hand(lesson_of, brief, tmp_path):
    config = brief(vectors=2.0, scores=0.5, temperature=0.2)
    lesson = lesson_of(config)
    found, step, own, _ = losses(lesson, config, tmp_path)
    theirs, users = lesson.vectors[step.texts], lesson.users[32][step.users]
    assert found["vectors"] == pytest.approx(2 * (own - theirs).square().sum(dim=1).mean().item() / 2, rel=1e-4)
    assert found["scores"] == pytest.approx(0.5 * divergence(users @ own.T / 0.2, users @ theirs.T / 0.2), rel=1e-3)
    assert set(found) == {"vectors", "scores"}


def test_a_weight_of_zero_leaves_a_loss_out(lesson_of, brief, tmp_path):
    config = brief(vectors=0.0, scores=0.0, hidden=1.0, labels=1.0)
    assert set(losses(lesson_of(config), config, tmp_path)[0]) == {"hidden", "labels"}


def test_prefixes_count_as_much_as_the_whole(lesson_of, brief, tmp_path):
    config = brief(dims=[16], scores=1.0)
    lesson = lesson_of(config)
    found, step, own, _ = losses(lesson, config, tmp_path)
    theirs = lesson.vectors[step.texts]
    unit = torch.nn.functional.normalize
    narrow = unit(own[:, :16], dim=1), unit(theirs[:, :16], dim=1)
    cosines = [(own * theirs).sum(dim=1).mean(), (narrow[0] * narrow[1]).sum(dim=1).mean()]
    assert found["vectors"] == pytest.approx(1 - sum(cosines).item() / 2, rel=1e-4)
    told = lesson.users[32][step.users] @ theirs.T / 0.1
    each = [divergence(lesson.users[d][step.users] @ v.T / 0.1, told) for d, v in ((32, own), (16, narrow[0]))]
    assert found["scores"] == pytest.approx(sum(each) / 2, rel=1e-3)


def test_labels_are_the_finetune_objectives_softmax(lesson_of, brief, tmp_path):
    config = brief(labels=0.3, tokens_per_step=600)
    lesson = lesson_of(config)
    found, step, own, curriculum = losses(lesson, config, tmp_path)
    assert step.taken is not None
    assert curriculum.pairs is not None
    user = UserTower(lesson.interest, scale=10)
    correction = 0.5 * torch.from_numpy(curriculum.pairs.log_inclusion())[step.taken.texts]
    texts = own[np.searchsorted(step.texts, step.taken.texts)]
    settings = curriculum.pairs.config.objective
    assert (settings.softmax, settings.pointwise) == (1, 0)
    expected = objective.loss(user, texts, step.taken, step.taken, correction, settings).item()
    assert expected > 0.1  # there are negatives
    assert found["labels"] == pytest.approx(0.3 * expected, rel=1e-4)


def test_a_cross_encoders_order_is_matched_among_its_candidates(lesson_of, brief, tmp_path):
    config = brief(cross={"directory": "there", "weight": 2.0, "temperature": 0.5}, tokens_per_step=400)
    scores = torch.tensor([[3.0, 1.0, 0.0], [0.0, 0.5, 2.0]])
    joint = JointScores(users=np.array([4, 7]), texts=np.array([[0, 1, 2], [3, 1, 5]]), scores=scores)
    lesson = replace(lesson_of(brief()), joint=joint)
    found, step, own, _ = losses(lesson, config, tmp_path)
    assert sorted(step.asked.tolist()) == [0, 1]
    users = lesson.users[32][[4, 7]]
    places = np.searchsorted(step.texts, joint.texts)
    logits = torch.stack([own[place] @ user for place, user in zip(places, users, strict=True)]) / 0.1
    assert found["cross"] == pytest.approx(2 * divergence(logits, scores / 0.5), rel=1e-3)
