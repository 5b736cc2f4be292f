"""Compressed rows of token ids."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from recsys.text.tokens import Tokens, unknown_share

TOKENS = Tokens.of([[1, 2, 3], [4], [], [5, 6], [7, 8, 9, 10]])


def test_padding():
    ids, mask = TOKENS.padded(np.array([1, 0]))
    assert mask.tolist() == [[True, False, False], [True, True, True]]
    assert ids[mask].tolist() == [4, 1, 2, 3]
    assert TOKENS.lengths.tolist() == [3, 1, 0, 2, 4]
    places, _ = TOKENS.places(np.array([3]))
    assert torch.from_numpy(TOKENS.ids)[places].tolist() == [[5, 6]]


def test_groups_hold_similar_lengths_within_the_budget():
    groups = [g.tolist() for g in TOKENS.groups(np.arange(5), tokens=4)]
    assert groups == [[2, 1, 3][:2], [3], [0], [4]] or groups == [[2, 1], [3], [0], [4]]
    assert [g.tolist() for g in TOKENS.groups(np.arange(5), tokens=6)] == [[2, 1, 3], [0], [4]]
    assert [g.tolist() for g in TOKENS.groups(np.array([4, 0]), tokens=1)] == [[0], [4]]
    assert max(len(g) for g in TOKENS.groups(np.arange(5), tokens=99, most=2)) == 2
    assert sorted(i for g in TOKENS.groups(np.arange(5), tokens=7) for i in g) == [0, 1, 2, 3, 4]
    assert list(TOKENS.groups(np.zeros(0, np.int64), tokens=7)) == []


@pytest.mark.parametrize(
    ("model", "share"),
    [
        (models.WordPiece({"?": 0, "blue": 1, "##s": 2}, unk_token="?"), 1 / 4),
        (models.BPE({"?": 0, **{c: i + 1 for i, c in enumerate("blues")}}, [], unk_token="?"), 1 / 10),
        (models.Unigram([("?", 0.0), ("blue", -1.0), ("s", -2.0)], unk_id=0), 1 / 4),
    ],
)
def test_unknown_tokens_are_counted_without_markers(model, share):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="? $A ?", special_tokens=[("?", 0)])
    assert unknown_share(tokenizer, ["blues blue", "ж"]) == pytest.approx(share)


def test_no_token_is_none_unknown():
    assert unknown_share(Tokenizer(models.WordPiece({"?": 0}, unk_token="?")), []) == 0
