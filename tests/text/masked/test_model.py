"""Encoder, head and tokenizer in the base layout."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

from recsys.errors import ArtifactError
from recsys.text.encoder import TransformerEncoder
from recsys.text.masked.model import MaskedModel
from tests.tiny import write_base

TEXTS = ["red trowel", "classic saucepan whisk"]


def weights(model):
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def test_a_base_without_head_is_told_what_to_do(masking_base):
    with pytest.raises(ArtifactError, match=r"Expected a masked-language-model head in .*the stage pretrain"):
        MaskedModel.of_base(masking_base)


def test_a_fresh_head_is_drawn_by_the_seed_and_nothing_else(masking_base):
    state = torch.random.get_rng_state()
    first, again, other = (weights(MaskedModel.starting(masking_base, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    differing = {name for name in first if not torch.equal(first[name], other[name])}
    assert differing == {"cls.predictions.transform.dense.weight"}


def test_a_head_that_loading_leaves_without_values_gets_some(masking_base, monkeypatch):
    load = AutoModelForMaskedLM.from_pretrained

    def half_done(*args, **settings):
        network, found = load(*args, **settings)
        network.cls.predictions.decoder.bias = torch.nn.Parameter(network.cls.predictions.bias.to("meta"))
        return network, found

    expected = weights(MaskedModel.starting(masking_base, seed=1))
    monkeypatch.setattr(AutoModelForMaskedLM, "from_pretrained", half_done)
    found = weights(MaskedModel.starting(masking_base, seed=1))
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_what_is_saved_reads_as_a_base_and_with_its_head(masking_base, tmp_path):
    model = MaskedModel.starting(masking_base, seed=1)
    with torch.no_grad():
        for parameter in model.head:
            parameter += 0.1
    model.save(tmp_path)
    again = MaskedModel.of_base(tmp_path)
    assert weights(again).keys() == weights(model).keys()
    assert all(torch.equal(weights(again)[name], value) for name, value in weights(model).items())
    # the fresh head is no part of the encoder, which is still that of the base
    vectors = [
        TransformerEncoder.of_base(folder, max_tokens=16, pooling="mean").encode(TEXTS)
        for folder in (masking_base, tmp_path)
    ]
    assert np.array_equal(*vectors)


def test_a_trained_head_is_kept(masking_base, tmp_path):
    config = BertConfig.from_pretrained(masking_base)
    torch.manual_seed(5)
    whole = BertForMaskedLM(config)
    whole.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((masking_base / "tokenizer.json").read_bytes())
    dense = whole.cls.predictions.transform.dense.weight
    for model in (MaskedModel.of_base(tmp_path), MaskedModel.starting(tmp_path, seed=9)):
        assert torch.equal(model.network.cls.predictions.transform.dense.weight, dense)


def test_head_and_embeddings_share_the_words(masking_base):
    model = MaskedModel.starting(masking_base, seed=0)
    words = model.network.base_model.embeddings.word_embeddings.weight
    assert any(parameter is words for parameter in model.embeddings)
    assert not any(parameter is words for parameter in model.head)
    assert model.network.cls.predictions.decoder.weight is words
    # transform (weight, bias), norm (weight, bias), output bias
    assert len(model.head) == 5


def test_states_do_not_depend_on_padding(masking_base):
    model = MaskedModel.starting(masking_base, seed=0)
    ids = torch.tensor([[2, 5, 6, 3, 3, 3]])
    mask = torch.tensor([[True, True, True, True, False, False]])
    padded, alone = model.states(ids, mask)[:, :4], model.states(ids[:, :4], mask[:, :4])
    assert (padded - alone).abs().max() < 1e-5
    assert model.logits(alone[0]).shape == (4, model.tokenizer.get_vocab_size())


def test_a_tokenizer_that_cannot_hide_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected a mask token \(\[MASK\] or <mask>\) in the tokenizer of"):
        MaskedModel.starting(write_base(tmp_path), seed=0)


def test_a_base_with_a_file_missing_is_named(masking_base, tmp_path):
    with pytest.raises(ArtifactError, match=r"found no config.json; fetch or copy it again"):
        MaskedModel.of_base(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "nothing known"}')
    (tmp_path / "model.safetensors").write_bytes((masking_base / "model.safetensors").read_bytes())
    (tmp_path / "tokenizer.json").write_bytes((masking_base / "tokenizer.json").read_bytes())
    with pytest.raises(ArtifactError, match=r"Expected a BERT-family model at .*could not read it"):
        MaskedModel.of_base(tmp_path)


def test_roberta_has_its_head_elsewhere(tmp_path):
    write_base(tmp_path, more=("<mask>",))
    size = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).get_vocab_size()
    config = RobertaConfig(
        vocab_size=size,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=20,
        pad_token_id=0,
        initializer_range=0.3,
    )
    torch.manual_seed(0)
    network = RobertaForMaskedLM(config).eval()
    network.save_pretrained(tmp_path)
    model = MaskedModel.of_base(tmp_path)
    ids = torch.tensor([[2, 5, 6, model.mask, 3]])
    with torch.no_grad():
        expected = network(input_ids=ids).logits
        got = model.logits(model.states(ids, torch.ones_like(ids, dtype=torch.bool)))
    assert (got - expected).abs().max() < 1e-5
    assert model.mask == size - 1
    assert model.positions == 18
    assert len(model.layers) == 2
    assert len(model.head) == 5


def test_a_head_that_is_not_known_is_told(tmp_path, masking_base):
    ElectraForMaskedLM(
        ElectraConfig(vocab_size=80, embedding_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((masking_base / "tokenizer.json").read_bytes())
    with pytest.raises(
        ArtifactError, match=r"Expected a model of the BERT or RoBERTa family .* got ElectraForMaskedLM"
    ):
        MaskedModel.of_base(tmp_path)
