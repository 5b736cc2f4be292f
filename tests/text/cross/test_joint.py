"""History and candidate in one row."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.joint import Reader

WORDS = ["[UNK]", "[CLS]", "[SEP]", ",", "a", "b", "c", "d", "e", "f"]
UNK, CLS, SEP, COMMA, A, B, C, D, E, F = range(10)


def tokenizer(framed=True):
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if framed:
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
        )
    return made


def reader(positions=64, **changes):
    return Reader.of(tokenizer(), positions, CrossEncoderConfig(**changes))


def rows(joint):
    tokens = joint.tokens
    return [tokens.ids[tokens.indptr[i] : tokens.indptr[i + 1]].tolist() for i in range(len(tokens))]


def test_history_sep_candidate():
    found = reader()
    titles = found.titles(["a b", "c", "d"])
    joint = found.read([[titles[0], titles[1]], []], [titles[2], titles[2]])
    assert rows(joint) == [[CLS, A, B, COMMA, C, SEP, D, SEP], [CLS, SEP, D, SEP]]
    assert joint.split.tolist() == [6, 2]


def test_the_latest_texts_are_read_and_long_ones_cut():
    found = reader(history_items=2, title_tokens=1, candidate_tokens=2)
    titles = found.titles(["a", "b c", "d", "e f a"])
    assert rows(found.read([titles[:3]], [titles[3]])) == [[CLS, B, COMMA, D, SEP, E, F, SEP]]


def test_a_row_too_long_loses_its_oldest_tokens():
    found = reader(positions=7)
    titles = found.titles(["a b", "c d", "e"])
    assert rows(found.read([titles[:2]], [titles[2]])) == [[CLS, COMMA, C, D, SEP, E, SEP]]
    assert rows(reader(positions=4).read([titles[:2]], [titles[2]])) == [[CLS, SEP, E, SEP]]


def test_padding_belongs_to_neither():
    found = reader()
    titles = found.titles(["a", "b c d"])
    ids, mask, candidate = found.read([titles[:1], []], [titles[1], titles[0]]).padded(np.array([1, 0]))
    assert ids[0, :4].tolist() == [CLS, SEP, A, SEP]
    assert mask.sum(dim=1).tolist() == [4, 7]
    assert candidate.sum(dim=1).tolist() == [2, 4]
    assert candidate[1].tolist() == [False] * 3 + [True] * 4


def test_a_tokenizer_without_a_frame_is_given_something_between():
    found = Reader.of(tokenizer(framed=False), 64, CrossEncoderConfig())
    titles = found.titles(["a", "b"])
    assert rows(found.read([titles[:1]], [titles[1]])) == [[A, COMMA, B, COMMA]]


@pytest.mark.parametrize("field", ["history_items", "title_tokens", "candidate_tokens", "users_per_step"])
def test_sizes_are_at_least_one(field):
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        CrossEncoderConfig(**{field: 0})
