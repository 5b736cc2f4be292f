"""What steps are about."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.errors import TrainingError
from recsys.text.distill.curriculum import Curriculum
from recsys.text.distill.joint_scores import JointScores


def steps(lesson, config):
    return list(Curriculum.of(lesson, config).steps())


def test_a_pass_sees_every_text(lesson_of, brief, corpus):
    config = brief(max_steps=40, tokens_per_step=100)
    lesson = lesson_of(config)
    found = steps(lesson, config)
    assert len(found) == 40
    assert np.array_equal(np.unique(np.concatenate([s.texts for s in found])), np.arange(len(corpus.texts)))
    longest = lesson.tokens.lengths.max()  # the one that spends the last token is in
    assert all(lesson.tokens.lengths[s.texts].sum() < 100 + longest for s in found)
    assert all(len(np.unique(s.users)) == 16 and s.taken is None and len(s.asked) == 0 for s in found)


def test_steps_are_a_function_of_the_seed(lesson_of, brief):
    lesson = lesson_of(brief())
    first, again, other = (steps(lesson, brief(max_steps=3, labels=1.0, candidates=2, seed=s)) for s in (0, 0, 1))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.texts, b.texts)
        assert np.array_equal(a.users, b.users)
    assert not np.array_equal(first[0].users, other[0].users)


def test_the_nearest_texts_of_as_many_users_as_there_is_room_for_join(lesson_of, brief):
    lesson, config = lesson_of(brief()), brief(max_steps=1, candidates=3, tokens_per_step=60)
    (step,) = steps(lesson, config)
    (alone,) = steps(lesson, brief(max_steps=1, tokens_per_step=30))
    joined = np.setdiff1d(step.texts, alone.texts)
    near = (lesson.users[32][step.users] @ lesson.vectors.T).argsort(dim=1, descending=True)[:, :3].numpy()
    room = [n for n in range(1, 17) if lesson.tokens.lengths[np.unique(near[:n])].sum() <= 30] or [1]
    assert np.array_equal(step.texts, np.union1d(alone.texts, near[: room[-1]]))
    assert len(joined) > 0


def test_labels_bring_their_texts(lesson_of, brief):
    lesson = lesson_of(brief())
    for step in steps(lesson, brief(max_steps=3, labels=1.0, tokens_per_step=400)):
        assert step.taken is not None
        assert np.isin(step.taken.texts, step.texts).all()
        assert lesson.tokens.lengths[step.texts].sum() < 400 + lesson.tokens.lengths.max()


def test_a_cross_encoders_candidates_join(teacher, corpus, lesson_of, brief):
    joint = JointScores(users=np.arange(4), texts=np.arange(8).reshape(4, 2), scores=torch.zeros(4, 2))
    for step in steps(replace(lesson_of(brief()), joint=joint), brief(max_steps=3)):
        assert len(step.asked) >= 1
        assert np.isin(joint.texts[step.asked], step.texts).all()


def test_labels_need_users_who_take_something(lesson_of, brief, corpus):
    nobody = replace(lesson_of(brief()), corpus=corpus.until(int(corpus.at.min()) + 1))
    with pytest.raises(TrainingError, match=r"Expected users who take something new after their first event"):
        Curriculum.of(nobody, brief(labels=1.0))
