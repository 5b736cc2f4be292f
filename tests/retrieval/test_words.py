"""Word by word, the tokenizer's own ids."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from recsys.retrieval import words
from recsys.retrieval.words import Words, markers

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *"abcdefgÄß中1.,!-'",
    *("##" + c for c in "abcdefg1"),
    "blue",
    "##bird",
    "mug",
]


def tokenizer(**changes) -> Tokenizer:
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(["[CLS]", "[SEP]", "[PAD]", "[UNK]"])
    made.enable_truncation(8)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


BERT = Words.of(tokenizer())
TEXTS = st.text(st.sampled_from(list("abgÄß中1.,-'[CLS] \t\n\x00\x1c\u0301\u00a0\u3000\u200bİ🎸Σς")), max_size=40)


@settings(max_examples=400, deadline=None)
@given(texts=st.lists(TEXTS | st.text(max_size=30), max_size=4))
@example(texts=["", " ", "  blue   bluebird mug ", "[CLS] a[SEP]b", "a" * 200, "\u0301a \u0301", "İ Σς ΑΣ"])
def test_the_ids_are_the_tokenizers_own(texts):
    assert BERT.markers == ([2], [3])
    expected = [encoding.ids for encoding in BERT.tokenizer.encode_batch(texts)]
    assert BERT.ids(texts) == expected
    assert BERT.ids(texts) == expected


def test_a_word_is_read_once(monkeypatch):
    own = Words.of(tokenizer())
    first = own.ids(["blue mug", "mug blue bluebird"])
    assert set(own.known) == {"blue", "mug", "bluebird"}
    own.known["mug"] = [7]
    assert own.ids(["blue mug"]) == [[2, *first[0][1:2], 7, 3]]
    monkeypatch.setattr(words, "_MOST", 2)
    assert own.ids(["blue mug"]) == first[:1]
    assert set(own.known) == {"blue", "mug"}


def test_a_very_long_word_is_not_kept():
    own = Words.of(tokenizer())
    assert own.ids(["a" * 65]) == [own.tokenizer.encode("a" * 65).ids]
    assert own.known == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": normalizers.Sequence([normalizers.NFKC()])},
        {"pre_tokenizer": pre_tokenizers.ByteLevel()},
        {"model": models.BPE({"a": 0, "b": 1}, [])},
    ],
)
def test_what_may_look_over_a_space_is_read_whole(changes):
    own = Words.of(tokenizer(**changes))
    assert own.markers is None
    assert own.ids(["a b", ""]) == [encoding.ids for encoding in own.tokenizer.encode_batch(["a b", ""])]
    assert own.known == {}


def test_a_token_with_a_space_in_it_or_that_is_cut_on_the_left_is_read_whole():
    spaced, left = tokenizer(), tokenizer()
    spaced.add_tokens([AddedToken("blue mug")])
    left.enable_truncation(8, direction="left")
    for made in (spaced, left):
        own = Words.of(made)
        assert own.markers is None
        assert own.ids(["a blue mug " * 3]) == [made.encode("a blue mug " * 3).ids]


def test_markers():
    assert markers(tokenizer()) == ([2], [3])
    assert markers(tokenizer(post_processor=processors.TemplateProcessing(single="$A"))) == ([], [])
    assert json.loads(tokenizer().to_str())["truncation"]["direction"] == "Right"
