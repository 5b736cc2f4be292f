"""The same candidates in several orders."""

import numpy as np
import pytest

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.cross_encoder import CrossEncoder
from recsys.text.cross.reranking import _ndcg, rerank
from recsys.text.cross.slates import spread
from recsys.text.cross.two_tower import TwoTower
from recsys.text.validation import Validation
from tests.tiny import silent


@pytest.fixture
def two_tower(corpus):
    vectors = np.random.default_rng(0).normal(size=(len(corpus.texts), 8)).astype(np.float32)
    return TwoTower(interest=InterestModel.zero_shot(8, corpus.day), vectors=vectors)


def model_of(base, judges):
    return CrossEncoder.of(base, CrossEncoderConfig(threads=1, judges=judges))


def test_the_two_towers_order_is_the_judges_own_and_all_hold_the_best(corpus, base, two_tower):
    seen = []
    found = rerank(
        model_of(base, 2), corpus, two_tower, users=500, k=len(corpus.texts), progress=lambda *a: seen.append(a[:2])
    )
    validation = Validation.of(corpus)
    n = len(validation.histories)
    others = np.setdiff1d(np.arange(n), spread(n, 2))
    quality = validation.judge(two_tower.interest, two_tower.vectors)
    assert found.two_tower == pytest.approx(quality.ndcg[others])
    assert (found.best >= np.maximum(found.two_tower, found.cross_encoder) - 1e-12).all()
    assert not np.array_equal(found.cross_encoder, found.two_tower)
    assert seen[-1] == (n - 2, n - 2)


def test_a_cross_encoder_that_knows_is_followed(corpus, base, two_tower, monkeypatch):
    validation = Validation.of(corpus)
    taken = {
        tuple(corpus.texts[t] for t in validation.histories.take([row]).last(5).item_idx): {
            corpus.texts[t] for t in np.flatnonzero(validation.truth[[row]].toarray()[0])
        }
        for row in range(len(validation.histories))
    }

    def knows(self, histories, candidates):
        return np.array(
            [[t in taken[tuple(h)] for t in row] for h, row in zip(histories, candidates, strict=True)], np.float32
        )

    monkeypatch.setattr(CrossEncoder, "score", knows)
    found = rerank(model_of(base, 1), corpus, two_tower, users=500, k=20, progress=silent)
    assert found.cross_encoder == pytest.approx(found.best)
    assert found.two_tower.mean() < found.both.mean()


def test_ndcg_by_hand():
    hits = np.array([[False, True, True]])
    scores = np.array([[2.0, 1.0, 3.0]], np.float32)  # found at ranks 1 and 3; a third text is no candidate
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert _ndcg(scores, hits, np.array([3])) == pytest.approx([(1 + 1 / np.log2(4)) / best])


def test_nobody_left_to_judge(corpus, base, two_tower):
    with pytest.raises(TrainingError, match=r"Expected more than 9999 users in the validation window, got \d+; lower"):
        rerank(model_of(base, 9999), corpus, two_tower, users=5, k=20, progress=silent)
