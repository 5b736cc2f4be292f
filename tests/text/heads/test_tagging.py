"""Tags of words: learned, judged, refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.errors import SchemaError, ShapeError
from recsys.text.heads import tagging
from recsys.text.heads.classification import probabilities
from recsys.text.heads.pieces import Pieces
from recsys.text.heads.tagging import named, score_tagger, tags, train_tagger, words
from tests.text.shop_texts import PATIENT, QUICK, THINGS, sentences
from tests.tiny import silent


@pytest.fixture(scope="module")
def head(base):
    return train_tagger(THINGS, start=base, config=PATIENT, progress=silent)[0]


def test_it_learns_what_the_words_tell(head):
    scores = score_tagger(head, sentences(100, seed=1))
    assert scores.f1 > 0.8
    assert [score.label for score in scores.labels] == ["garden", "kitchen"]
    assert head.labels == ("O", "B-garden", "I-garden", "B-kitchen", "I-kitchen")


def test_every_word_gets_a_tag_whatever_its_neighbours_and_however_long_the_sentence(head):
    some = [("red", "trowel", "blue"), ("oven",), ("red", "trowel", "blue", "whisk") * 20, ()]
    found = tags(head, some)
    assert [len(own) for own in found] == [3, 1, 80, 0]
    assert found[0] == ("O", "B-garden", "O")
    assert found[1] == tags(head, [some[1]])[0]
    assert sum(tag == "B-kitchen" for tag in found[2]) > 8
    assert tags(head, [("red", " ", "red")])[0][1] == "O"  # nothing to read


def test_only_first_pieces_are_learned_from(base, head):
    pieces = Pieces.of(head.encoder.tokenizer, [("trowel", "hedge"), ("oven",)])
    target = tagging._targets(pieces, [1, 2, 3])
    assert target.tolist() == [-100, 1, 2, -100, -100, 3, -100]  # [CLS] trowel hedge [SEP] [CLS] oven [SEP]
    rows = np.arange(2)
    with torch.no_grad():
        flat = torch.log_softmax(head.model.linear(head.model.states(*pieces.tokens.padded(rows))), dim=2)
        got = tagging._loss(head.model, pieces.tokens, target, rows, dropout=0.0)
    expected = -(flat[0, 1, 1] + flat[0, 2, 2] + flat[1, 1, 3]) / 3  # the second sentence is padded by one
    assert float(got) == pytest.approx(float(expected), abs=1e-6)


def test_names_in_texts(head):
    assert words("Red trowel, 2.5 l (re-used) & more!") == (
        "Red", "trowel", ",", "2.5", "l", "(", "re-used", ")", "&", "more", "!",
    )  # fmt: skip
    assert named(head, ["red TROWEL blue oven red", ""]) == (
        {"garden": ("trowel",), "kitchen": ("oven",)},
        {"garden": (), "kitchen": ()},
    )


def test_errors(base, head):
    nothing = replace(THINGS, tags=tuple(("O",) * len(own) for own in THINGS.tags))
    for labels in ((), ("garden",)):
        with pytest.raises(SchemaError, match="file, line 1: expected at least 2 tags in the file, got only O"):
            train_tagger(nothing, start=base, config=QUICK.model_copy(update={"labels": labels}), progress=silent)
    declared = QUICK.model_copy(update={"labels": ("garden",)})
    with pytest.raises(
        SchemaError, match=r"line 1: expected tags of head\.labels \(garden\), got 'B-kitchen'; correct"
    ):
        train_tagger(THINGS, start=base, config=declared, progress=silent)
    odd = replace(THINGS, tags=(("B-pets", *THINGS.tags[0][1:]), *THINGS.tags[1:]))
    with pytest.raises(
        SchemaError, match=r"line 1: expected tags of the head's types \(garden, kitchen\), got 'B-pets'"
    ):
        score_tagger(head, odd)
    with pytest.raises(ShapeError, match="Expected a head trained to classify, got one trained to tag"):
        probabilities(head, ["a"])
