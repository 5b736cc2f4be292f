"""The judge."""

import numpy as np
import pytest

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation

DIM = 8
VECTORS = np.eye(DIM, dtype=np.float32)
MODEL = InterestModel.zero_shot(DIM, DAY)


def small(events):
    user, text, days = (np.array(c) for c in zip(*events, strict=True))
    return Corpus(
        texts=tuple("abcdefgh"),
        user=user.astype(np.int32),
        text=text.astype(np.int32),
        at=days.astype(np.int64) * DAY,
        weight=np.ones(len(user), np.float32),
        day=DAY,
        valid_start=10 * DAY,
        end=20 * DAY,
        judges=np.arange(int(user.max()) + 1) % 3 == 0,
    )


# user 0 has a, takes b and c, and a again; 3 has d and takes only d again; 6 comes too late; 7 does not judge
CORPUS = small([
    (0, 0, 1), (0, 1, 12), (0, 2, 13), (0, 0, 14), (3, 3, 1), (3, 3, 15), (6, 4, 11), (7, 0, 1), (7, 1, 12),
])  # fmt: skip


def test_only_users_with_a_history_and_something_new():
    validation = Validation.of(CORPUS)
    assert validation.truth.toarray().tolist() == [[0, 1, 1, 0, 0, 0, 0, 0]]
    assert validation.taken.toarray().tolist() == [[1, 0, 0, 0, 0, 0, 0, 0]]
    assert validation.as_of == 10 * DAY


def test_ndcg_and_recall_by_hand():
    vectors = VECTORS.copy()
    vectors[:, 0] = [1.0, 0.3, 0.1, 0.2, 0, 0, 0, -1]  # order without a: b d c, then the rest
    quality = Validation.of(CORPUS).judge(MODEL, vectors)
    assert quality.ndcg == pytest.approx([(1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))])
    assert quality.recall == pytest.approx([1.0])


def test_ties_go_to_the_lower_text():
    quality = Validation.of(CORPUS).judge(MODEL, VECTORS)
    assert quality.ndcg == pytest.approx([1.0])


def test_calibration_makes_the_even_mixture_even():
    rng = np.random.default_rng(0)
    events = [(u, u % DIM, 1) for u in range(1200)] + [(u, int(rng.integers(0, DIM)), 12) for u in range(1200)]
    vectors = VECTORS + 0.2 * rng.normal(size=(DIM, DIM)).astype(np.float32)
    validation = Validation.of(small(sorted(events, key=lambda event: event[0])))
    model = validation.calibrated(MODEL.with_calibration(1.0, 5.0), vectors)
    scores = validation.scores(model, vectors)
    positive = validation.truth.toarray() > 0
    negative = ~positive & ~(validation.taken.toarray() > 0)
    share = (model.interest(scores[positive]).mean() + model.interest(scores[negative]).mean()) / 2
    assert share == pytest.approx(0.5, abs=5e-3)
    assert model.slope > 0


def test_calibration_recovers_a_known_curve():
    from recsys.text.validation import _logistic

    rng = np.random.default_rng(0)
    x = rng.normal(size=200_000)
    y = rng.random(len(x)) < 1 / (1 + np.exp(-(3 * x + 0.5)))
    slope, intercept = _logistic(x[y], x[~y])
    prior = np.log(y.mean() / (1 - y.mean()))
    assert slope == pytest.approx(3, abs=0.05)
    assert intercept == pytest.approx(0.5 - prior, abs=0.05)
    assert _logistic(np.ones(3), np.zeros(3))[0] < np.inf
    assert _logistic(np.zeros(3), np.ones(3))[0] > 0


def test_nobody_to_judge():
    with pytest.raises(TrainingError, match=r"got none among 1 users .* raise finetune.valid_fraction"):
        Validation.of(small([(0, 0, 1), (0, 0, 12)]))


def test_a_large_catalogue_is_judged_by_fewer_users(monkeypatch):
    from recsys.text import validation

    corpus = small(sorted([(u, u % DIM, 1) for u in range(150)] + [(u, (u + 1) % DIM, 12) for u in range(150)]))
    assert len(Validation.of(corpus).histories) == 50
    monkeypatch.setattr(validation, "_PAIRS", 20 * DIM)
    assert len(Validation.of(corpus).histories) == 20
