"""A cross-encoder is asked once."""

import numpy as np
import pytest
import torch

from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.cross_encoder import CrossEncoder
from recsys.text.cross.two_tower import TwoTower
from recsys.text.distill.config import CrossTeacherConfig
from recsys.text.distill.joint_scores import JointScores


@pytest.fixture(scope="module")
def cross(base, tmp_path_factory):
    directory = tmp_path_factory.mktemp("cross") / "cross"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CrossEncoder.of(base, CrossEncoderConfig(threads=1, history_items=2))
        with torch.no_grad():
            model.tower.first.normal_()
    model.save(directory)
    return directory


def test_it_scores_the_nearest_texts_a_user_has_not_taken(cross, corpus, lesson_of, brief):
    lesson, seen = lesson_of(brief()), []
    two_tower = TwoTower(interest=lesson.interest, vectors=lesson.vectors.numpy())
    config = CrossTeacherConfig(directory=str(cross), users=10, candidates=4)
    joint = JointScores.of(corpus.teaching(), two_tower, config, lambda *a: seen.append(a[:2]))
    teaching = corpus.teaching()
    known = np.unique(teaching.user)
    assert (len(joint.users), joint.texts.shape, seen) == (10, (10, 4), [(8, 10), (10, 10)])
    assert (joint.users[0], joint.users[-1]) == (0, len(known) - 1)
    model = CrossEncoder.load(cross)
    for place, texts, scores in zip(joint.users, joint.texts, joint.scores, strict=True):
        taken = teaching.text[teaching.user == known[place]]
        order = np.argsort(-(lesson.users[32][place] @ lesson.vectors.T).numpy())
        assert texts.tolist() == [t for t in order if t not in taken][:4]
        history = [corpus.texts[t] for t in taken[-2:]]
        alone = model.score([history], [[corpus.texts[t] for t in texts]])[0]
        assert scores.numpy() == pytest.approx(alone, abs=1e-4)


def test_no_more_candidates_than_every_user_has_left(cross, corpus, lesson_of, brief):
    lesson = lesson_of(brief())
    two_tower = TwoTower(interest=lesson.interest, vectors=lesson.vectors.numpy())
    config = CrossTeacherConfig(directory=str(cross), users=5, candidates=10_000)
    joint = JointScores.of(corpus.teaching(), two_tower, config, lambda *_: None)
    teaching = corpus.teaching()
    known = np.unique(teaching.user)
    most = max(len(np.unique(teaching.text[teaching.user == known[place]])) for place in joint.users)
    assert joint.texts.shape[1] == len(corpus.texts) - most
