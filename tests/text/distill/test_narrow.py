"""A narrower tower is the wide one without what does not matter."""

import pytest
import torch

from recsys.errors import TrainingError
from recsys.text.distill.narrow import narrow
from recsys.text.encoder import TextTower, TransformerEncoder
from tests.tiny import write_decoder

IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 8, 3, 0, 0]])
MASK = torch.tensor([[True] * 5, [True, True, True, False, False]])


@pytest.fixture
def tower(base):
    return TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").tower


def test_what_adds_nothing_goes_first(tower):
    """The second head and every other unit write nothing: without them, at full width of states, all is as before."""
    unread = torch.arange(0, 32, 2)
    with torch.no_grad():
        for layer in tower.layers:
            layer.attention.output.dense.weight[:, 16:] = 0
            layer.output.dense.weight[:, ::2] = 0
    kept = narrow(tower, 16).layers
    for layer, small in zip(tower.layers, kept, strict=True):
        value = layer.attention.self.value.bias
        assert torch.equal(small.attention.self.value.bias, value[:16])
        assert torch.equal(small.intermediate.dense.bias, layer.intermediate.dense.bias[1::2])
    assert len(unread) == 16


def test_channels_are_kept_that_are_read_most(tower):
    odd = torch.arange(1, 32, 2)
    with torch.no_grad():
        norms = [tower.transformer.embeddings.LayerNorm]
        norms += [norm for layer in tower.layers for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm)]
        for norm in norms:
            norm.weight[::2] = 0.01
    small = narrow(tower, 16)
    assert torch.equal(
        small.transformer.embeddings.word_embeddings.weight, tower.transformer.embeddings.word_embeddings.weight[:, odd]
    )
    assert torch.equal(small.head.projection, tower.head.projection[:, odd])
    assert torch.equal(small.layers[2].output.LayerNorm.bias, tower.layers[2].output.LayerNorm.bias[odd])
    assert small(IDS, MASK).shape == (2, 32)


def test_as_wide_as_before_nothing_changes(tower):
    same = narrow(tower, 32)
    assert isinstance(same, TextTower)
    assert torch.allclose(same(IDS, MASK), tower(IDS, MASK), atol=1e-6)


def test_it_leaves_the_tower_and_the_random_numbers_alone(tower):
    before, state = {k: v.clone() for k, v in tower.state_dict().items()}, torch.get_rng_state()
    narrow(tower, 16)
    assert all(torch.equal(value, before[name]) for name, value in tower.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_it_can_be_saved_and_read(base, tower, tmp_path):
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    small = TransformerEncoder(
        tower=narrow(tower, 16), tokenizer=encoder.tokenizer, max_tokens=16, pooling="mean", digest=""
    )
    small.save(tmp_path)
    again = TransformerEncoder.load(tmp_path)
    assert again.encode(["blue mug"]) == pytest.approx(small.encode(["blue mug"]))


def test_heads_are_whole(tower):
    with pytest.raises(
        TrainingError,
        match=r"multiple of 16, .* attention heads, got distill.width = 20; set it to 16",
    ):
        narrow(tower, 20)


def test_a_decoder_is_refused(tmp_path):
    tower = TransformerEncoder.of_base(write_decoder(tmp_path), max_tokens=16, pooling="last").tower
    with pytest.raises(TrainingError, match=r"laid out like BERT to make a narrower student of, got Qwen3Model"):
        narrow(tower, 16)
