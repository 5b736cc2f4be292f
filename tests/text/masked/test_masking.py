"""Which tokens are hidden, and behind what."""

import numpy as np
import pytest

from recsys.errors import TrainingError
from recsys.text.masked.masking import Reading
from recsys.text.masked.model import MaskedModel


@pytest.fixture(scope="module")
def model(masking_base):
    return MaskedModel.starting(masking_base, seed=0)


@pytest.fixture(scope="module")
def reading(model, corpus):
    return Reading.of(model, corpus.texts, 16)


def test_texts_are_cut_and_frames_and_unknown_words_are_never_hidden(model, reading):
    assert reading.tokens.lengths.max() <= 16
    words = {model.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]", "[UNK]")}
    assert set(reading.tokens.ids[~reading.maskable]) == words
    assert not words & set(reading.tokens.ids[reading.maskable])
    assert model.tokenizer.truncation is None


def test_a_share_of_the_chosen_rows_is_hidden_and_nothing_else_changes(reading):
    rows = np.arange(0, len(reading.tokens), 2)
    masked = reading.masked(rows, 0.15, np.random.default_rng(0))
    of_row = np.repeat(np.arange(len(reading.tokens)), reading.tokens.lengths)
    assert set(of_row[masked.chosen]) <= set(rows)
    assert len(masked.chosen) == round(0.15 * (reading.maskable & np.isin(of_row, rows)).sum())
    assert np.array_equal(masked.answers, reading.tokens.ids[masked.chosen])
    untouched = np.ones(len(reading.tokens.ids), bool)
    untouched[masked.chosen] = False
    assert np.array_equal(masked.tokens.ids[untouched], reading.tokens.ids[untouched])


def test_four_in_five_are_hidden_one_in_ten_is_replaced_one_stays(reading):
    rows = np.arange(len(reading.tokens))
    fates = np.zeros(3)
    for seed in range(200):
        masked = reading.masked(rows, 0.5, np.random.default_rng(seed))
        read = masked.tokens.ids[masked.chosen]
        fates += [(read == reading.mask).sum(), ((read != reading.mask) & (read != masked.answers)).sum(), 0]
        fates[2] += (read == masked.answers).sum()
    shares = fates / fates.sum()
    # a random token is the true one, or the mask, once in a vocabulary
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.01


def test_the_same_generator_hides_the_same(reading):
    rows = np.arange(len(reading.tokens))
    one, again, other = (reading.masked(rows, 0.15, np.random.default_rng([3, step])) for step in (1, 1, 2))
    assert np.array_equal(one.tokens.ids, again.tokens.ids)
    assert not np.array_equal(one.chosen, other.chosen)


def test_texts_without_known_words_cannot_be_learned_from(model):
    reading = Reading.of(model, ["χαῖρε", ""], 16)
    with pytest.raises(TrainingError, match="Expected known tokens to guess, got none in 2 texts"):
        reading.masked(np.arange(2), 0.15, np.random.default_rng(0))
