"""Hard negatives."""

import numpy as np
import pytest

from recsys.retrieval.interest import InterestModel
from recsys.text.config import FinetuneConfig
from recsys.text.mining import mine
from recsys.text.pairs import Pairs


@pytest.fixture(scope="module")
def vectors(corpus):
    drawn = np.random.default_rng(0).normal(size=(len(corpus.texts), 8)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def made(corpus, **changes):
    return Pairs.of(corpus, np.full(len(corpus.texts), 6), FinetuneConfig(**changes))


def test_they_are_the_nearest_texts_that_the_user_does_not_take(corpus, vectors):
    pairs = made(corpus, hard_pool=4, hard_skip=2)
    interest = InterestModel.zero_shot(8, corpus.day)
    mined = mine(pairs, interest, vectors)
    assert mined.shape == (len(pairs.users), 4)
    users = interest.user_vectors(corpus.histories(pairs.users), vectors, as_of=corpus.end)
    for row, (user, texts) in enumerate(zip(pairs.users, mined, strict=True)):
        own = set(corpus.text[corpus.user == user].tolist())
        nearest = [t for t in np.argsort(-(vectors @ users[row])).tolist() if t not in own]
        assert texts.tolist() == nearest[2:6]


def test_few_are_left_of_a_small_shop(corpus, vectors):
    mined = mine(made(corpus, hard_pool=60, hard_skip=0), InterestModel.zero_shot(8, corpus.day), vectors)
    for user, texts in zip(np.unique(corpus.user), mined, strict=True):
        assert (texts >= 0).sum() == len(corpus.texts) - len(set(corpus.text[corpus.user == user].tolist()))
        assert (np.diff((texts < 0).astype(int)) >= 0).all()
