"""Classes of texts: learned, judged, refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.errors import SchemaError, ShapeError
from recsys.text.config import OptimiserConfig
from recsys.text.heads import classification
from recsys.text.heads.classification import probabilities, score_classifier, train_classifier
from recsys.text.heads.tagging import tags
from tests.text.shop_texts import NAMES, QUICK, TASTES, texts
from tests.tiny import silent


@pytest.fixture(scope="module")
def head(base):
    return train_classifier(TASTES, start=base, config=QUICK, progress=silent)[0]


def test_it_learns_what_the_words_tell(head):
    scores = score_classifier(head, texts(100, seed=1))
    assert scores.accuracy > 0.8
    assert tuple(score.label for score in scores.labels) == NAMES


def test_probabilities_do_not_depend_on_the_neighbours(head):
    some = ["trowel hedge", "oven", "puzzle " * 30, "unheard of"]
    found = probabilities(head, some)
    assert found.shape == (4, 4)
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    alone = np.concatenate([probabilities(head, [text]) for text in some])
    assert found == pytest.approx(alone, abs=1e-5)
    assert probabilities(head, []).shape == (0, 4)


def test_they_are_the_softmax_of_a_linear_map_of_the_mean_state(base):
    config = QUICK.model_copy(update={"epochs": 1, "optimiser": OptimiserConfig(layer_rate=1e-12, head_rate=1e-12)})
    head, _ = train_classifier(TASTES, start=base, config=config, progress=silent)
    from transformers import AutoModel

    model = AutoModel.from_pretrained(base, local_files_only=True, add_pooling_layer=False).eval()
    ids = torch.tensor([head.encoder.tokenizer.encode("trowel hedge").ids])
    with torch.no_grad():
        mean = model(ids).last_hidden_state[0].mean(dim=0)
        logits = head.model.linear.weight @ mean + head.model.linear.bias
    assert probabilities(head, ["trowel hedge"])[0] == pytest.approx(torch.softmax(logits, 0).numpy(), abs=1e-4)


def test_what_is_minimised_is_the_cross_entropy_of_what_is_predicted(head):
    tokens, truth = head.encoder.tokens(TASTES.texts), np.array([NAMES.index(label) for label in TASTES.labels])
    rows = np.array([3, 5, 8])
    with torch.no_grad():
        loss = float(classification._loss(head.model, tokens, truth, rows, dropout=0.0))
    found = probabilities(head, [TASTES.texts[i] for i in rows])
    assert loss == pytest.approx(-np.log(found[np.arange(3), truth[rows]]).mean(), rel=1e-4)


def test_classes_may_be_declared(base):
    config = QUICK.model_copy(update={"epochs": 1, "labels": (*NAMES, "music")})
    head, _ = train_classifier(TASTES, start=base, config=config, progress=silent)
    assert head.labels == tuple(sorted((*NAMES, "music")))
    with pytest.raises(
        SchemaError, match=r"file, line \d+: expected one of head\.labels \(garden, kitchen\), got 'toys'|'stationery'"
    ):
        train_classifier(TASTES, start=base, config=config.model_copy(update={"labels": NAMES[:2]}), progress=silent)


def test_errors(base, head):
    same = replace(TASTES, labels=("garden",) * len(TASTES))
    sentence = "file, line 1: expected at least 2 classes in the file, got only 'garden'; bring examples of another"
    for labels in ((), NAMES):
        with pytest.raises(SchemaError, match=sentence):
            train_classifier(same, start=base, config=QUICK.model_copy(update={"labels": labels}), progress=silent)
    odd = replace(TASTES, labels=(*TASTES.labels[:6], "sports", *TASTES.labels[7:]))
    with pytest.raises(SchemaError, match=r"line 7: expected one of the head's labels \(garden, .*\), got 'sports'"):
        score_classifier(head, odd)
    with pytest.raises(ShapeError, match="Expected a head trained to tag, got one trained to classify; use another"):
        tags(head, [["a"]])
