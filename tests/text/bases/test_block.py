"""Heads and units of a layer, and what is left when some are taken out."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    LlamaConfig,
    LlamaModel,
    RobertaConfig,
    RobertaModel,
)

from recsys.errors import TrainingError
from recsys.text.bases.block import Block
from recsys.text.encoder import TextTower

SMALL = {"vocab_size": 40, "max_position_embeddings": 24, "initializer_range": 0.3}
WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
MODELS = {
    "bert": (BertModel, BertConfig(**SMALL, **WIDE)),
    "roberta": (RobertaModel, RobertaConfig(**SMALL, **WIDE, pad_token_id=1)),
    "electra": (ElectraModel, ElectraConfig(**SMALL, **WIDE, embedding_size=8)),
    "distilbert": (DistilBertModel, DistilBertConfig(**SMALL, dim=16, n_layers=2, n_heads=4, hidden_dim=32)),
}
IDS, MASK = torch.arange(2, 14).reshape(2, 6), torch.arange(6) < torch.tensor([[6], [4]])


@pytest.fixture(params=MODELS)
def tower(request):
    kind, config = MODELS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TextTower(kind(config)).eval()


def test_a_layer_in_numbers(tower):
    block = Block.of(tower.layers[0])
    assert (block.heads, block.units, block.head_width) == (4, 32, 4)
    assert block.size == 4 * (16 * 16 + 16) + 2 * 16 * 32 + 32 + 16
    # what belongs to no part: the biases of what is added to the states
    assert 4 * block.head_size + 32 * block.unit_size == block.size - 2 * 16


def test_a_layer_without_a_part_computes_what_it_did_with_the_part_at_zero(tower):
    kept_heads, kept_units = torch.tensor([True, False, True, True]), torch.arange(32) % 3 != 0
    block = Block.of(tower.layers[1])
    with torch.no_grad():
        block.out.weight[:, 4:8] = 0
        block.down.weight[:, ~kept_units] = 0
        expected = tower(IDS, MASK)
        block.keep(heads=kept_heads, units=kept_units)
        found = tower(IDS, MASK)
    assert torch.allclose(found, expected, atol=1e-6)
    small = Block.of(tower.layers[1])
    assert (small.heads, small.units) == (3, 21)
    assert small.query.weight.shape == (12, 16)
    assert small.up.weight.shape == (21, 16)
    assert small.size == block.size < Block.of(tower.layers[0]).size


def test_a_decoder_is_not_pruned():
    model = LlamaModel(LlamaConfig(**SMALL, **WIDE, num_key_value_heads=2))
    with pytest.raises(TrainingError, match=r"Expected layers of the BERT family to prune, got LlamaDecoderLayer"):
        Block.of(TextTower(model).layers[0])
