"""Histories and candidates."""

import numpy as np
import pytest

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.text.config import FinetuneConfig
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.slates import Near, Slates
from recsys.text.cross.two_tower import TwoTower
from recsys.text.pairs import Pairs
from recsys.text.validation import Validation


def slates(corpus, near=None, **changes):
    teaching = corpus.teaching()
    pairs = Pairs.of(teaching, np.ones(len(corpus.texts), np.int64), FinetuneConfig())
    settings = {"candidates": 6, "hard": 2, "users_per_step": 10}
    return Slates(pairs=pairs, config=CrossEncoderConfig.model_validate(settings | changes), near=near)


def near_of(corpus, text):
    """One text is nearest to everybody."""
    users = np.unique(corpus.teaching().user)
    vectors = np.random.default_rng(0).normal(size=(len(corpus.texts), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    teaching = np.full((len(users), 3), -1, np.int32)
    teaching[:, 0] = text
    return Near(teaching=teaching, two_tower=TwoTower(interest=InterestModel.zero_shot(8, corpus.day), vectors=vectors))


def events_of(corpus):
    return {
        user: list(zip(corpus.at[corpus.user == user], corpus.text[corpus.user == user], strict=True))
        for user in np.unique(corpus.user)
    }


def test_the_first_is_taken_after_the_history_and_the_others_never(corpus):
    teaching = corpus.teaching()
    logs = list(events_of(teaching).values())
    for step in range(5):
        slate = slates(corpus).draw(step)
        assert slate.candidates.shape == (10, 6)
        for history, (target, *others) in zip(slate.histories, slate.candidates.tolist(), strict=True):
            assert len({target, *others}) == 6
            owners = [
                log
                for log in logs
                if any(
                    text == target
                    and target not in [t for a, t in log if a < at]
                    and [t for a, t in log if a < at][-5:] == history.tolist()
                    for at, text in log
                )
            ]
            assert any(not {t for _, t in log} & set(others) for log in owners)


def test_a_step_is_a_pure_function_of_seed_and_step(corpus):
    first, again, other, seeded = (
        slates(corpus, **change).draw(step) for step, change in ((3, {}), (3, {}), (4, {}), (3, {"seed": 1}))
    )
    assert np.array_equal(first.candidates, again.candidates)
    assert not np.array_equal(first.candidates, other.candidates)
    assert not np.array_equal(first.candidates, seeded.candidates)


def test_negatives_go_by_popularity(corpus):
    teaching = corpus.teaching()
    counts = np.bincount(teaching.text, minlength=len(corpus.texts))
    found = np.concatenate([slates(corpus).draw(step).candidates[:, 1:].ravel() for step in range(60)])
    drawn = np.bincount(found, minlength=len(corpus.texts))
    popular = counts >= np.median(counts)
    assert drawn[popular].mean() > 1.3 * drawn[~popular].mean()


def test_near_texts_are_among_the_candidates(corpus):
    teaching = corpus.teaching()
    text = int(np.bincount(teaching.text, minlength=len(corpus.texts)).argmin())
    near = near_of(corpus, text)
    taken = np.isin(np.unique(teaching.user), teaching.user[teaching.text == text])
    near.teaching[taken] = -1
    shares = [
        (slates(corpus, n).draw(step).candidates == text).any(axis=1).mean() for step in (0, 1) for n in (None, near)
    ]
    assert min(shares[1::2]) > 0.6 > max(shares[::2])


def test_judging_users_take_the_first_and_have_taken_none(corpus):
    validation = Validation.of(corpus)
    for near in (None, near_of(corpus, 0)):
        slate = slates(corpus, near).judging(validation, 5)
        assert slate.candidates.shape == (min(5, len(validation.histories)), 6)
        rows = np.linspace(0, len(validation.histories) - 1, len(slate.candidates)).astype(int)
        truth, taken = validation.truth.toarray()[rows] > 0, validation.taken.toarray()[rows] > 0
        first, others = slate.candidates[:, :1], slate.candidates[:, 1:]
        assert np.take_along_axis(truth, first, axis=1).all()
        assert not np.take_along_axis(truth | taken, others, axis=1).any()


def test_hard_candidates_of_judging_users_are_their_nearest(corpus):
    validation, near = Validation.of(corpus), near_of(corpus, 0)
    slate = slates(corpus, near, hard=3, candidates=4).judging(validation, 1)
    scores = validation.scores(near.two_tower.interest, near.two_tower.vectors)[0]
    scores[(validation.truth.toarray() + validation.taken.toarray())[0] > 0] = -np.inf
    assert set(slate.candidates[0, 1:]) == set(np.argsort(-scores)[:3])


def test_more_candidates_than_texts(corpus):
    with pytest.raises(TrainingError, match=r"Expected 99 texts that a user does not take, got \d+ of \d+; lower cand"):
        slates(corpus, candidates=100).draw(0)
