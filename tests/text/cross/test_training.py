"""A cross-encoder learns the shop's tastes."""

import numpy as np
import pytest
import torch

from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.training import slate_loss, train_cross_encoder
from recsys.text.cross.two_tower import TwoTower
from tests.tiny import silent


def settings(**changes):
    values = {"users_per_step": 12, "candidates": 5, "max_steps": 30, "evaluate_every": 10, "threads": 1, "hard": 0,
              "optimiser": {"layer_rate": 2e-3, "head_rate": 3e-3}}  # fmt: skip
    return CrossEncoderConfig.model_validate(values | changes)


def train(corpus, base, config, two_tower=None, progress=silent):
    return train_cross_encoder(corpus, start=base, config=config, two_tower=two_tower, progress=progress)


@pytest.mark.parametrize("loss", ["softmax", "pointwise"])
def test_training_helps(corpus, base, loss):
    seen = []
    _, looks = train(corpus, base, settings(loss=loss), progress=lambda *a: seen.append(a))
    assert [look.step for look in looks] == [0, 10, 20, 30]
    assert min(look.judged for look in looks) < 0.9 * looks[0].judged
    assert looks[0].loss is None
    assert seen[-1][:2] == (30, 30)


def test_the_same_seed_gives_the_same_weights_and_the_best_look_is_kept(corpus, base):
    config = settings(max_steps=4, evaluate_every=2)
    first, second = (train(corpus, base, config)[0].tower.state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    wild = settings(max_steps=4, evaluate_every=2, optimiser={"layer_rate": 1e-3, "head_rate": 30.0})
    model, looks = train(corpus, base, wild)
    assert looks[-1].judged > 10 * looks[0].judged
    untouched = train(corpus, base, settings(max_steps=0))[0].tower.state_dict()
    assert all(torch.equal(value, untouched[name]) for name, value in model.tower.state_dict().items())


def test_what_is_frozen_stays(corpus, base):
    before = train(corpus, base, settings(max_steps=0))[0].tower.text.layers
    model, looks = train(corpus, base, settings(tune=2))
    after = model.tower.text.layers
    assert min(look.judged for look in looks) < looks[0].judged
    same = [
        all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
        for a, b in zip(before, after, strict=True)
    ]
    assert same == [True, False, False]


def test_patience(corpus, base):
    config = settings(max_steps=40, evaluate_every=2, patience=2, optimiser={"layer_rate": 1e-3, "head_rate": 30.0})
    assert len(train(corpus, base, config)[1]) == 1 + 2


def test_a_two_tower_teacher_makes_candidates_harder(corpus, base):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(corpus.texts), 8)).astype(np.float32)
    tower = TwoTower(interest=InterestModel.zero_shot(8, corpus.day), vectors=vectors)
    plain, hard = (train(corpus, base, settings(max_steps=0, hard=4), t)[1] for t in (None, tower))
    assert plain != hard


def test_losses_by_hand():
    scores = torch.tensor([[1.0, 0.0, 2.0]])
    e = np.exp([1.0, 0.0, 2.0])
    assert float(slate_loss(scores, settings())) == pytest.approx(-np.log(e[0] / e.sum()))
    s = 1 / (1 + np.exp(-np.array([1.0, 0.0, 2.0])))
    expected = (-np.log(s[0]) - (np.log(1 - s[1]) + np.log(1 - s[2])) / 2) / 2
    assert float(slate_loss(scores, settings(loss="pointwise"))) == pytest.approx(expected)


def test_named_errors(corpus, base):
    with pytest.raises(TrainingError, match="Expected tune of at most 3, the encoder's layers, got 9; lower it"):
        train(corpus, base, settings(tune=9))
    rates = {"layer_rate": 1e30, "head_rate": 1e30}
    with pytest.raises(TrainingError, match=r"Expected a finite loss, got .* of the cross-encoder; lower optimiser"):
        train(corpus, base, settings(optimiser=rates, patience=30))


def test_an_interruption_leaves_nothing(corpus, base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def stop(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(corpus, base, settings(), progress=stop)
    assert list(tmp_path.iterdir()) == []
