"""What the teachers say."""

import numpy as np
import pytest
import torch

from recsys.errors import ArtifactError, ConfigError
from recsys.retrieval.interest import InterestModel
from recsys.text.distill.lesson import Lesson
from recsys.text.encoder import TransformerEncoder
from tests.tiny import silent


def test_one_teacher_is_matched_as_it_is(teacher, corpus, brief, lesson_of):
    lesson, encoder = lesson_of(brief()), TransformerEncoder.load(teacher)
    assert lesson.vectors.numpy() == pytest.approx(encoder.encode(corpus.texts), abs=1e-6)
    users, texts = np.array([0, 3]), np.array([1, 2, 5])
    scores = lesson.users[32][users] @ lesson.vectors[texts].T
    assert torch.allclose(lesson.teacher_scores(users, texts, 0.1), torch.log_softmax(scores / 0.1, dim=1), atol=1e-4)


def test_events_that_judge_the_student_are_not_read(teacher, corpus, brief, lesson_of):
    teaching = corpus.teaching()
    assert len(teaching.user) < len(corpus.user)
    vectors = lesson_of(brief()).vectors.numpy()
    histories = teaching.histories(np.unique(teaching.user))
    expected = InterestModel.load(teacher).user_vectors(histories, vectors, as_of=corpus.end)
    assert lesson_of(brief()).users[32].numpy() == pytest.approx(expected, abs=1e-5)


def test_several_teachers_are_averaged(teacher, other, corpus, brief, lesson_of):
    lesson = lesson_of(brief(teachers=[str(other)]))
    first, second = (TransformerEncoder.load(directory).encode(corpus.texts) for directory in (teacher, other))
    mean = (first + second) / 2
    assert lesson.vectors.numpy() == pytest.approx(mean / np.linalg.norm(mean, axis=1, keepdims=True), abs=1e-5)
    users, texts = np.array([0, 3]), np.array([1, 2, 5])
    each = [
        np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for voice in lesson.voices
        for logits in [voice.users[users].numpy() @ voice.vectors[texts].numpy().T / 0.1]
    ]
    assert not np.allclose(*each, atol=0.01)
    assert lesson.teacher_scores(users, texts, 0.1).exp().numpy() == pytest.approx((each[0] + each[1]) / 2, rel=1e-4)


def test_narrower_prefixes_have_users_of_their_own(teacher, corpus, brief, lesson_of):
    lesson = lesson_of(brief(dims=[16]))
    assert {dim: users.shape[1] for dim, users in lesson.users.items()} == {32: 32, 16: 16}
    prefix = lesson.vectors[:, :16].numpy()
    teaching = corpus.teaching()
    expected = (
        InterestModel.load(teacher)
        .cut(16)
        .user_vectors(
            teaching.histories(np.unique(teaching.user)),
            prefix / np.linalg.norm(prefix, axis=1, keepdims=True),
            as_of=corpus.end,
        )
    )
    assert lesson.users[16].numpy() == pytest.approx(expected, abs=1e-5)


def test_teachers_of_unequal_width(teacher, wider, corpus, brief):
    with pytest.raises(ConfigError, match=r"are 32 wide, like those of the run's own, got 48 in .*wider"):
        Lesson.of(teacher, corpus, config=brief(teachers=[str(wider)]), progress=silent)


def test_no_teacher_there(teacher, corpus, brief, tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected an encoder in .*nowhere"):
        Lesson.of(teacher, corpus, config=brief(teachers=[str(tmp_path / "nowhere")]), progress=silent)


def test_no_cross_encoder_there(teacher, corpus, brief, tmp_path):
    with pytest.raises(ArtifactError, match=r"nowhere"):
        Lesson.of(teacher, corpus, config=brief(cross={"directory": str(tmp_path / "nowhere")}), progress=silent)
