"""The question in token ids, and what is answered."""

import numpy as np
import pytest
import torch

from recsys.errors import ArtifactError, ConfigError, ShapeError
from recsys.settings import validate
from recsys.text.masked.config import PromptConfig
from recsys.text.masked.model import MaskedModel
from recsys.text.masked.prompt import Cloze, Prompt

TITLES = ("red trowel", "blue saucepan", "notebook", "kite puzzle")


@pytest.fixture(scope="module")
def model(masking_base):
    return MaskedModel.starting(masking_base, seed=3)


def prompt(model, **changes):
    return Prompt.of(model, PromptConfig(threads=1, **changes))


def words(model, row):
    return " ".join(model.tokenizer.id_to_token(int(i)) for i in row)


def rows(model, asked, histories, candidates):
    tokens = asked.tokens(histories, candidates)
    return [words(model, part) for part in np.split(tokens.ids, tokens.indptr[1:-1])]


def test_the_sentence_holds_history_candidate_and_gap(model):
    read = rows(model, prompt(model), [TITLES[:3], ()], ["kite", "hedge"])
    assert read == [
        "[CLS] a customer who bought red trowel , blue saucepan , notebook is interested in kite ? [MASK] . [SEP]",
        "[CLS] a customer who bought nothing is interested in hedge ? [MASK] . [SEP]",
    ]


def test_another_template_has_another_order(model):
    asked = prompt(model, template="{answer} , {candidate} ? {history}")
    assert rows(model, asked, [TITLES[:1]], ["kite"]) == ["[CLS] [MASK] , kite ? red trowel [SEP]"]


def test_the_latest_titles_are_read_and_each_is_cut(model):
    asked = prompt(model, history_items=2, title_tokens=1)
    assert rows(model, asked, [TITLES], ["hedge lawn"])[0] == (
        "[CLS] a customer who bought notebook , kite is interested in hedge ? [MASK] . [SEP]"
    )


@pytest.mark.parametrize("max_tokens", range(14, 30))
def test_whatever_is_cut_candidate_and_gap_stay(model, max_tokens):
    asked = prompt(model, max_tokens=max_tokens, title_tokens=8)
    room = max_tokens - 12  # for the titles, beside the sentence's 11 tokens and the gap
    candidate = ["hedge", "lawn", "bulb"][: room - 1]
    whole = [" , ".join(TITLES[-n:]) for n in range(1, 5)]
    fitting = [history for history in whole if len(history.split()) + len(candidate) <= room]
    history = fitting[-1] if fitting else "kite"
    assert rows(model, asked, [TITLES], ["hedge lawn bulb"])[0] == (
        f"[CLS] a customer who bought {history} is interested in {' '.join(candidate)} ? [MASK] . [SEP]"
    )


def test_a_title_that_spells_the_mask_opens_no_second_gap(model):
    read = rows(model, prompt(model), [["red [MASK] trowel"]], ["[MASK] kite"])[0]
    assert read == "[CLS] a customer who bought red trowel is interested in kite ? [MASK] . [SEP]"


def test_scores_are_log_odds_of_the_two_words(model):
    cloze = Cloze.of(model, PromptConfig(threads=1, calibration="none"))
    histories, candidates = [TITLES[:2], (), TITLES], ["kite", "hedge", "notebook ink"]
    expected = []
    for history, candidate in zip(histories, candidates, strict=True):
        ids = torch.from_numpy(cloze.prompt.tokens([history], [candidate]).ids)[None]
        with torch.no_grad():
            logits = model.network(input_ids=ids).logits[0, ids[0].tolist().index(model.mask)]
        told = torch.log_softmax(logits, dim=0)
        yes, no = (told[model.tokenizer.token_to_id(word)] for word in ("yes", "no"))
        expected.append(float(yes - no))
    assert np.abs(cloze.scores(histories, candidates) - expected).max() < 1e-5
    assert np.ptp(expected) > 1e-3


def test_calibration_leaves_nothing_of_a_candidate_without_history(model):
    cloze = Cloze.of(model, PromptConfig(threads=1, calibration="contextual"))
    raw = Cloze.of(model, PromptConfig(threads=1, calibration="none"))
    candidates = ["kite", "hedge", "kite"]
    assert np.abs(cloze.scores([()] * 3, candidates)).max() < 1e-6
    assert np.abs(raw.scores([()] * 3, candidates)).max() > 1e-3
    known = [TITLES[:1], TITLES[:2], TITLES[:3]]
    assert cloze.scores(known, candidates) == pytest.approx(
        raw.scores(known, candidates) - raw.scores([()] * 3, candidates), abs=1e-6
    )


def test_a_score_does_not_depend_on_its_neighbours(model):
    cloze = Cloze.of(model, PromptConfig(threads=1))
    together = cloze.scores([TITLES, TITLES[:1]], ["kite", "hedge"])
    alone = [cloze.scores([TITLES], ["kite"])[0], cloze.scores([TITLES[:1]], ["hedge"])[0]]
    assert np.abs(together - alone).max() < 1e-5


def test_a_base_without_head_cannot_be_asked(masking_base):
    with pytest.raises(ArtifactError, match=r"prompts need one. Train it by the stage pretrain"):
        Cloze.of(MaskedModel.of_base(masking_base), PromptConfig())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"yes": "certainly"}, r"Expected an answer that is one known token .* got 'certainly', read as \['\[UNK\]'\]"),
        ({"no": "yes"}, "Expected two answers, got 'yes' and 'yes'"),
        ({"max_tokens": 13}, "Expected a template that leaves room for titles in 13 tokens, got one of 11"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told(model, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        prompt(model, **changes)


def test_a_template_without_a_gap_is_refused():
    with pytest.raises(ConfigError, match=r"prompt.template: .*expected \{answer\} once, got it 0 times"):
        validate({"prompt": {"template": "{history} then {candidate} ?"}})


def test_every_candidate_needs_a_history(model):
    with pytest.raises(ShapeError, match="got 1 histories and 2 candidates"):
        prompt(model).tokens([TITLES], ["kite", "hedge"])
