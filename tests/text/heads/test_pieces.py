"""Words and their pieces."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from recsys.text.heads.pieces import Pieces

VOCABULARY = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b", "##c", "d"])}


def tokenizer(limit: int) -> Tokenizer:
    made = Tokenizer(models.WordPiece(VOCABULARY, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.enable_truncation(limit)
    return made


def test_the_first_piece_of_a_word_begins_it_and_nothing_else_does():
    pieces = Pieces.of(tokenizer(16), [["d", "abc", "d"], ["abb"]])
    assert pieces.tokens.ids.tolist() == [2, 7, 4, 5, 6, 7, 3, 2, 4, 5, 5, 3]
    assert pieces.word.tolist() == [-1, 0, 1, -1, -1, 2, -1, -1, 3, -1, -1, -1]
    assert pieces.words == 4


def test_a_word_the_tokenizer_has_nothing_for_is_begun_by_no_token():
    pieces = Pieces.of(tokenizer(16), [["d", "\u0020", "abc"]])
    assert pieces.word.tolist() == [-1, 0, 2, -1, -1, -1]
    assert pieces.words == 3


@pytest.mark.parametrize("limit", [3, 4, 5, 6, 9])
def test_a_long_sentence_goes_in_parts_and_each_word_is_begun_once(limit):
    rng = np.random.default_rng(limit)
    sentences = [[str(word) for word in rng.choice(["d", "ab", "abc", "abbbbbbbb"], n)] for n in (0, 1, 7, 30, 2)]
    pieces = Pieces.of(tokenizer(limit), sentences)
    assert pieces.tokens.lengths.max() <= limit
    begun = pieces.word[pieces.word >= 0]
    assert sorted(begun) == list(range(sum(map(len, sentences))))
    words = [word for sentence in sentences for word in sentence]
    for place in np.flatnonzero(pieces.word >= 0):
        first = VOCABULARY["d" if words[pieces.word[place]] == "d" else "a"]
        assert pieces.tokens.ids[place] == first


def test_a_word_cut_in_the_middle_is_whole_in_the_next_part():
    pieces = Pieces.of(tokenizer(5), [["d", "abc", "d"]])  # three pieces a part: d a ##b | abc | d
    assert [
        pieces.tokens.ids[a:b].tolist() for a, b in zip(pieces.tokens.indptr, pieces.tokens.indptr[1:], strict=False)
    ] == [
        [2, 7, 4, 5, 3],
        [2, 4, 5, 6, 3],
        [2, 7, 3],
    ]
    assert pieces.word.tolist() == [-1, 0, -1, -1, -1, -1, 1, -1, -1, -1, -1, 2, -1]
