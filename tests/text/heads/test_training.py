"""How a head learns; what the held-out examples decide."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.errors import TrainingError
from recsys.text.config import OptimiserConfig
from recsys.text.heads.classification import probabilities, train_classifier
from recsys.text.heads.config import HeadConfig
from recsys.text.heads.head import HeadModel, starting_encoder
from recsys.text.heads.training import Lesson, _batches, held_out, learn
from tests.text.shop_texts import QUICK, TASTES
from tests.tiny import silent


def test_each_example_learns_or_judges():
    learning, judging = held_out(50, HeadConfig(valid_fraction=0.2))
    assert len(judging) == 10
    assert sorted([*learning, *judging]) == list(range(50))
    assert held_out(2, HeadConfig(valid_fraction=0.9))[0].shape == (1,)
    assert (held_out(50, HeadConfig(seed=1))[0] != held_out(50, HeadConfig())[0]).any()
    with pytest.raises(TrainingError, match="Expected at least 2 examples, one to learn from and one to judge, got 1"):
        held_out(1, HeadConfig())


def test_a_pass_holds_every_row_once_in_batches_of_like_length():
    lengths = np.random.default_rng(0).integers(3, 60, 203)
    config = HeadConfig(batch_size=8)
    stream = _batches(lengths, config)
    first = [next(stream) for _ in range(26)]  # ceil(203 / 8)
    assert sorted(np.concatenate(first)) == list(range(203))
    assert sorted(map(len, first)) == [3, *[8] * 25]
    padded = sum(lengths[rows].max() * len(rows) for rows in first)
    assert padded < 1.3 * lengths.sum()
    second = np.concatenate([next(stream) for _ in range(26)])
    assert sorted(second) == list(range(203))
    assert (second != np.concatenate(first)).any()


def test_the_best_look_is_kept_and_patience_ends_it(base):
    config = QUICK.model_copy(update={"epochs": 30, "patience": 12})
    head, course = train_classifier(TASTES, start=base, config=config, progress=silent)
    figures = [look.figure for look in course.looks]
    assert course.best.figure == max(figures)
    assert len(figures) - 1 - figures.index(max(figures)) == 12
    assert course.looks[-1].loss < course.looks[0].loss / 2
    assert course.looks[0].figure < course.best.figure
    judging = held_out(len(TASTES), config)[1]
    own = [head.labels.index(TASTES.labels[i]) for i in judging]
    found = probabilities(head, [TASTES.texts[i] for i in judging]).argmax(axis=1)
    assert (found == own).mean() == course.best.figure
    assert head.labels == ("garden", "kitchen", "stationery", "toys")


def test_the_weights_of_the_best_look_come_back(base):
    figures, weights = [0.1, 0.5, 0.2, 0.5, 0.3], []
    model = HeadModel(starting_encoder(base, QUICK), 2, seed=0)

    def judge():
        weights.append(model.linear.weight.detach().clone())
        return figures[len(weights) - 1]

    lesson = Lesson(lengths=np.full(16, 4), loss=lambda rows: model.linear.weight.square().sum(), judge=judge)
    course = learn(model, lesson, QUICK.model_copy(update={"epochs": 9, "looks": 1, "patience": 3}), silent)
    assert [look.figure for look in course.looks] == figures  # three in a row are no better than the second
    assert (course.best.step, course.best.figure) == (2, 0.5)
    assert torch.equal(model.linear.weight, weights[1])
    assert not torch.equal(weights[1], weights[-1])


def test_the_same_seed_gives_the_same_bits(base):
    config = QUICK.model_copy(update={"epochs": 1})
    torch.manual_seed(1)
    one, _ = train_classifier(TASTES, start=base, config=config, progress=silent)
    torch.manual_seed(2)
    other, _ = train_classifier(TASTES, start=base, config=config, progress=silent)
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
    third, _ = train_classifier(TASTES, start=base, config=config.model_copy(update={"seed": 1}), progress=silent)
    assert not torch.equal(one.model.linear.weight, third.model.linear.weight)


def test_only_layers_that_learn_drop_and_only_while_they_learn(base):
    config = QUICK.model_copy(update={"tune": 1, "epochs": 1, "looks": 1, "layer_dropout": 0.5})
    model = HeadModel(starting_encoder(base, config), 2, seed=0)
    noted = []

    def loss(rows):
        noted.append([layer.training for layer in model.tower.layers])
        return model.linear.weight.square().sum()

    def judge():
        noted.append([layer.training for layer in model.tower.layers])
        return 0.0

    learn(model, Lesson(lengths=np.full(16, 4), loss=loss, judge=judge), config, silent)
    assert noted == [[False, False, True], [False, False, False]]


@pytest.mark.parametrize(("tune", "moved"), [("all", [0, 1, 2]), (1, [2]), (0, []), ("lora", [0, 1, 2])])
def test_what_is_tuned_is_what_moves(base, tune, moved):
    config = QUICK.model_copy(update={"epochs": 1, "looks": 1, "tune": tune, "lora_rank": 2})
    zero = config.model_copy(update={"optimiser": OptimiserConfig(layer_rate=1e-12, head_rate=1e-12)})
    untouched, _ = train_classifier(TASTES, start=base, config=zero, progress=silent)
    head, course = train_classifier(TASTES, start=base, config=config, progress=silent)
    before, after = untouched.model.tower, head.model.tower

    def differ(a, b):
        return not all(torch.allclose(x, y, atol=1e-6) for x, y in zip(a.parameters(), b.parameters(), strict=True))

    assert [i for i in range(3) if differ(before.layers[i], after.layers[i])] == moved
    assert not differ(before.transformer.embeddings, after.transformer.embeddings)
    assert after.state_dict().keys() == before.state_dict().keys()  # low-rank updates were merged
    assert course.share < (0.2 if tune in ("lora", 0) else 1)


def test_errors(base):
    with pytest.raises(TrainingError, match=r"Expected head\.tune of at most 3, the encoder's layers, got 4; lower it"):
        train_classifier(TASTES, start=base, config=QUICK.model_copy(update={"tune": 4}), progress=silent)
    wild = QUICK.model_copy(update={"optimiser": OptimiserConfig(layer_rate=1e30, clip=1e30, warmup=0)})
    with pytest.raises(
        TrainingError,
        match=r"Expected a finite loss, got nan at step \d+; lower head\.optimiser\.layer_rate or head_rate",
    ):
        train_classifier(TASTES, start=base, config=wild, progress=silent)
    one = replace(TASTES, texts=TASTES.texts[:2], labels=("garden", "toys"), places=TASTES.places[:2])
    head, _ = train_classifier(one, start=base, config=QUICK, progress=silent)
    assert head.labels == ("garden", "toys")
