"""Transformers in parts equal transformers as a whole."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    MistralConfig,
    MistralModel,
    Qwen3Config,
    Qwen3Model,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from recsys.errors import ArtifactError
from recsys.text.bases.backbone import backbone_of, check_parts
from recsys.text.encoder import TextTower

SMALL = {"vocab_size": 40, "max_position_embeddings": 24, "initializer_range": 0.3}
WIDE = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 32}
GROUPED = {"num_key_value_heads": 2}
MODELS = {
    "bert": (BertModel, BertConfig(**SMALL, **WIDE)),
    "roberta": (RobertaModel, RobertaConfig(**SMALL, **WIDE, pad_token_id=1)),
    "xlm-roberta": (XLMRobertaModel, XLMRobertaConfig(**SMALL, **WIDE, pad_token_id=1)),
    "electra": (ElectraModel, ElectraConfig(**SMALL, **WIDE, embedding_size=8)),
    "distilbert": (DistilBertModel, DistilBertConfig(**SMALL, dim=16, n_layers=3, n_heads=4, hidden_dim=32)),
    "llama": (LlamaModel, LlamaConfig(**SMALL, **WIDE, **GROUPED)),
    "mistral": (MistralModel, MistralConfig(**SMALL, **WIDE, **GROUPED, sliding_window=20)),
    "qwen3": (Qwen3Model, Qwen3Config(**SMALL, **WIDE, **GROUPED, head_dim=8)),
}
POSITIONS = {"roberta": 22, "xlm-roberta": 22, "mistral": 20}


def make(name):
    kind, config = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(config).eval()


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_are_the_whole(name):
    model = make(name)
    tower = TextTower(model)
    # ids below 2 are padding in some families, and may stand in a text in none
    longest = backbone_of(model).positions
    assert longest == POSITIONS.get(name, 24)
    ids = torch.randint(2, 40, (3, longest), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(longest) < torch.tensor([[longest], [longest - 5], [1]])
    with torch.no_grad():
        own = model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        ours = tower.states(ids, mask)
        assert torch.allclose(own[mask], ours[mask], atol=1e-5)
        alone = tower.states(ids[1:2, : longest - 5], mask[1:2, : longest - 5])
        assert torch.allclose(alone[0], ours[1, : longest - 5], atol=1e-5)
        for layers in (0, 1, 3):
            hidden = tower.lower(ids, mask, layers=layers)
            parts = tower.head.project(tower.upper(hidden, mask, layers=layers))
            assert torch.allclose(parts, tower(ids, mask), atol=1e-5)
    assert own[mask].abs().max() > 0.5
    check_parts(model)


@pytest.mark.parametrize("name", ["bert", "distilbert", "qwen3"])
def test_layers_can_be_dropped(name):
    model = make(name)
    parts = backbone_of(model)
    first, last = parts.layers[0], parts.layers[2]
    parts.keep([0, 2])
    assert list(parts.layers) == [first, last]
    assert model.config.num_hidden_layers == 2
    check_parts(model)


def test_the_last_token_of_a_decoder_sees_the_whole_text():
    tower = TextTower(make("llama"), "last").eval()
    ids = torch.tensor([[5, 6, 7, 9, 9], [8, 6, 7, 4, 3]])
    mask = torch.tensor([[True, True, True, False, False], [True] * 5])
    with torch.no_grad():
        pooled = tower.upper(tower.lower(ids, mask, layers=1), mask, layers=1)
        states = tower.states(ids, mask)
    assert torch.equal(pooled, torch.stack([states[0, 2], states[1, 4]]))


def test_the_first_token():
    tower = TextTower(make("bert"), "cls").eval()
    ids, mask = torch.tensor([[5, 6, 7]]), torch.tensor([[True, True, False]])
    with torch.no_grad():
        pooled = tower.upper(tower.lower(ids, mask, layers=1), mask, layers=1)
        assert torch.equal(pooled, tower.states(ids, mask)[:, 0])


def test_a_model_of_neither_family():
    model = GPT2Model(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=9, n_positions=16))
    with pytest.raises(ArtifactError, match=r"Expected a model of the BERT family .* got GPT2Model; choose"):
        backbone_of(model)


def test_a_model_that_does_more_than_its_parts_show():
    # laid out like BERT, but its layers need relative positions
    model = DebertaV2Model(DebertaV2Config(**SMALL, **WIDE, relative_attention=True, pos_att_type=["p2c"])).eval()
    with pytest.raises(ArtifactError, match="embeddings and layers and no more, got DebertaV2Model"):
        check_parts(model)
    scaled = make("llama")
    check_parts(scaled)
    scaled.register_forward_hook(lambda module, ids, out: type(out)(last_hidden_state=2 * out.last_hidden_state))
    with pytest.raises(ArtifactError, match=r"whose states differ by 0\.5"):
        check_parts(scaled)
