"""Prompts tuned on labelled users."""

import numpy as np
import pytest
import torch

from recsys.data.synthetic import WORDS
from recsys.errors import TrainingError
from recsys.text.masked.config import PromptConfig, TuningConfig
from recsys.text.masked.few_shot import Labelled, tuned
from recsys.text.masked.model import MaskedModel
from recsys.text.masked.prompt import Cloze
from tests.tiny import silent

SETTINGS = PromptConfig(threads=1, title_tokens=2)
QUICK = TuningConfig(tune=2, epochs=3, rate=1e-2, tokens_per_step=256)


def changed(**changes):
    return QUICK.model_copy(update=changes)


@pytest.fixture(scope="module")
def cloze(masking_base):
    return Cloze.of(MaskedModel.starting(masking_base, seed=3), SETTINGS)


def questions(n, seed):
    """Everybody takes what is for the garden and nobody what is for music."""
    rng = np.random.default_rng(seed)
    tastes = ("music", "garden")
    labels = rng.integers(0, 2, n).tolist()
    titles = [" ".join(rng.choice(WORDS[tastes[label]], 2, replace=False)) for label in labels]
    return Labelled(histories=[["red kite"]] * n, candidates=titles, labels=labels)


def accuracy(cloze, asked):
    return ((cloze.scores(asked.histories, asked.candidates) > 0) == np.array(asked.labels)).mean()


def test_labelled_users_teach_what_others_want(cloze):
    told, unseen = questions(64, 0), questions(200, 1)
    assert accuracy(tuned(cloze, told, changed(epochs=20), silent), unseen) > 0.85
    assert accuracy(cloze, unseen) < 0.7


def test_what_is_tuned_is_a_copy_and_embeddings_stay(cloze):
    before = {name: value.clone() for name, value in cloze.model.network.state_dict().items()}
    seen = []
    learned = tuned(cloze, questions(8, 0), QUICK, lambda *told: seen.append(told))
    after = learned.model.network.state_dict()
    assert all(torch.equal(before[name], value) for name, value in cloze.model.network.state_dict().items())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not any("embeddings" in name for name in moved)
    assert seen[-1][0] == seen[-1][1] == len(seen)
    assert not any(parameter.requires_grad for parameter in learned.model.network.parameters())


def test_the_same_labels_teach_the_same_and_the_seed_orders_them(cloze):
    told = questions(32, 0)
    one, again = (tuned(cloze, told, QUICK, silent).scores(told.histories, told.candidates) for _ in range(2))
    assert np.array_equal(one, again)
    other = Cloze.of(cloze.model, SETTINGS.model_copy(update={"seed": 1}))
    assert not np.array_equal(tuned(other, told, QUICK, silent).scores(told.histories, told.candidates), one)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0, 1, 2], "Expected labels 0 .* or 1 .*, got 2"),
        ([1, 1, 1], "Expected pairs of both kinds, taken and not taken, got 3 of one"),
        ([0, 1], r"Expected a history, a candidate and a label for each pair, got \(3, 3, 2\)"),
    ],
)
def test_labels_that_are_none_are_refused(labels, sentence):
    with pytest.raises(TrainingError, match=sentence):
        Labelled(histories=[["kite"]] * 3, candidates=["kite"] * 3, labels=labels)


def test_more_layers_than_there_are(cloze):
    with pytest.raises(TrainingError, match="Expected tune of at most 3, the model's layers, got 4"):
        tuned(cloze, questions(8, 0), changed(tune=4), silent)


def test_a_loss_that_is_no_number_stops(cloze):
    with pytest.raises(TrainingError, match=r"Expected a finite loss, got (nan|inf) at step \d+"):
        tuned(cloze, questions(64, 0), changed(rate=1e30), silent)
