"""The judge."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError, TrainingError
from recsys.retrieval.calibration import Platt
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


def uncertain(rng, n=1200):
    """Users with one text each, who take one at random, and vectors of which the scores tell little."""
    events = [(3 * u, u % DIM, 1) for u in range(n)] + [(3 * u, int(rng.integers(0, DIM)), 12) for u in range(n)]
    vectors = VECTORS + 0.2 * rng.normal(size=(DIM, DIM)).astype(np.float32)
    return Validation.of(small(sorted(events, key=lambda event: event[0]))), vectors


def test_pairs_are_all_texts_new_to_the_user():
    pairs = Validation.of(CORPUS).pairs(MODEL, VECTORS)
    assert pairs.taken.tolist() == [True, True, False, False, False, False, False]
    assert pairs.user.tolist() == [0] * 7
    assert pairs.scores == pytest.approx(VECTORS[0, 1:])


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibration_makes_the_even_mixture_even(kind):
    validation, vectors = uncertain(np.random.default_rng(0))
    start = MODEL.with_calibration(Platt(slope=1.0, intercept=5.0))
    model = validation.calibrated(start, vectors, kind)
    pairs = validation.pairs(model, vectors)
    interest = model.interest(pairs.scores)
    share = (interest[pairs.taken].mean() + interest[~pairs.taken].mean()) / 2
    assert share == pytest.approx(0.5, abs=5e-3)
    assert model.calibration.kind == kind


def test_crossfitting_judges_each_half_by_the_other():
    pairs = uncertain(np.random.default_rng(1))[0].pairs(MODEL, VECTORS)
    pairs = replace(pairs, scores=np.random.default_rng(2).normal(size=len(pairs.scores)).astype(np.float32))
    even = pairs.user % 2 == 0
    lifted = replace(pairs, scores=pairs.scores + np.where(even & pairs.taken, 2, 0).astype(np.float32))
    interest = lifted.crossfitted("platt")
    # what even users show, odd ones are told, and the other way round
    assert np.ptp(interest[even]) < 0.2 < 0.5 < np.ptp(interest[~even])
    odd = replace(lifted, scores=lifted.scores[~even], taken=lifted.taken[~even], user=lifted.user[~even])
    assert np.array_equal(interest[even], odd.fit("platt").probability(lifted.scores[even]))


def test_one_user_cannot_be_crossfitted():
    with pytest.raises(ShapeError, match="expected finite scores of pairs taken and of pairs not taken, got 0 and 0"):
        Validation.of(CORPUS).pairs(MODEL, VECTORS).crossfitted("platt")


def test_nobody_to_judge():
    with pytest.raises(TrainingError, match=r"got none among 1 users .* raise finetune.valid_fraction"):
        Validation.of(small([(0, 0, 1), (0, 0, 12)]))


def test_a_large_catalogue_is_judged_by_fewer_users(monkeypatch):
    from recsys.text import validation

    corpus = small(sorted([(u, u % DIM, 1) for u in range(150)] + [(u, (u + 1) % DIM, 12) for u in range(150)]))
    assert len(Validation.of(corpus).histories) == 50
    monkeypatch.setattr(validation, "_PAIRS", 20 * DIM)
    assert len(Validation.of(corpus).histories) == 20
