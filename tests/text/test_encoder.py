"""Text to vector with torch."""

import numpy as np
import pytest
import torch

from recsys.errors import ArtifactError, ShapeError
from recsys.text.bases import layout
from recsys.text.bases.head import Head
from recsys.text.encoder import TransformerEncoder

TEXTS = ("red trowel seed", "", "oven", "garden " * 500, "🎸 שלום guitar", "oven")


@pytest.fixture
def encoder(base):
    return TransformerEncoder.of_base(base, max_tokens=24, pooling="mean")


def test_unit_rows_in_the_order_of_the_texts(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (6, 32)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    assert vectors[2] == pytest.approx(vectors[5], abs=1e-6)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert (vectors * alone).sum(axis=1).min() > 0.99999
    assert encoder.encode([]).shape == (0, 32)


def test_it_is_the_model_of_the_folder_with_mean_pooling(encoder, base):
    from transformers import AutoModel

    model = AutoModel.from_pretrained(base, local_files_only=True, add_pooling_layer=False).eval()
    ids = torch.tensor([encoder.tokenizer.encode("red trowel seed").ids])
    with torch.no_grad():
        mean = model(ids).last_hidden_state[0].mean(dim=0)
    assert encoder.encode(["red trowel seed"])[0] == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)


def test_cut_in_two_gives_the_same(encoder):
    ids, mask = encoder.tokens(TEXTS).padded(np.arange(6))
    with torch.no_grad():
        whole = encoder.tower(ids, mask)
        for layers in (0, 1, 3):
            hidden = encoder.tower.lower(ids, mask, layers=layers)
            parts = encoder.tower.head.project(encoder.tower.upper(hidden, mask, layers=layers))
            assert torch.allclose(whole, parts, atol=1e-6)


def test_attention_pooling_is_a_weighted_mean_without_padding():
    head = Head(2, 2)
    hidden, mask = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]]), torch.tensor([[True, True, False]])
    assert torch.allclose(head.pool(hidden, mask), torch.tensor([[0.5, 1.0]]))
    with torch.no_grad():
        head.query.copy_(torch.tensor([0.0, np.log(3) / 2]))
    assert torch.allclose(head.pool(hidden, mask), torch.tensor([[0.25, 1.5]]))


def test_save_and_load(encoder, tmp_path, base):
    with torch.no_grad():
        encoder.tower.head.bias.add_(0.3)
    encoder.save(tmp_path)
    again = TransformerEncoder.load(tmp_path)
    assert np.array_equal(again.encode(TEXTS), encoder.encode(TEXTS))
    assert (again.max_tokens, again.pooling, again.dim) == (24, "mean", 32)
    assert again.digest == TransformerEncoder.load(tmp_path).digest != encoder.digest
    assert TransformerEncoder.of_base(base, max_tokens=24, pooling="mean").digest == encoder.digest
    assert TransformerEncoder.of_base(base, max_tokens=20, pooling="mean").digest != encoder.digest


def test_texts_are_never_longer_than_the_model(base):
    assert TransformerEncoder.of_base(base, max_tokens=9_999, pooling="mean").max_tokens == 64


def test_what_cannot_be_read(tmp_path, base):
    with pytest.raises(ArtifactError, match=r"Expected an encoder in .*make it again"):
        TransformerEncoder.load(tmp_path)
    with pytest.raises(ArtifactError, match=r"Expected a pretrained model at .*, found no config.json"):
        TransformerEncoder.of_base(tmp_path, max_tokens=8, pooling="mean")
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(
        ArtifactError,
        match=r"Expected a model of the BERT family or a decoder like Llama or Qwen at .*choose another base",
    ):
        TransformerEncoder.of_base(tmp_path, max_tokens=8, pooling="mean")


def test_another_family_is_refused(tmp_path, base):
    from transformers import GPT2Config, GPT2Model

    GPT2Model(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=9, n_positions=16)).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    with pytest.raises(
        ArtifactError, match=r"Expected a model of the BERT family .* got GPT2Model; choose another base"
    ):
        TransformerEncoder.of_base(tmp_path, max_tokens=8, pooling="mean")


def test_cut_to_the_first_numbers(encoder, tmp_path):
    with torch.no_grad():
        encoder.tower.head.projection.add_(torch.randn(32, 32, generator=torch.Generator().manual_seed(0)))
    whole, narrow = encoder.encode(TEXTS), encoder.cut(8)
    first = whole[:, :8] / np.linalg.norm(whole[:, :8], axis=1, keepdims=True)
    assert narrow.encode(TEXTS) == pytest.approx(first, abs=1e-5)
    assert (narrow.dim, narrow.tower.width, encoder.dim) == (8, 32, 32)
    assert narrow.digest != encoder.digest
    assert encoder.cut(32) is encoder
    narrow.save(tmp_path)
    again = TransformerEncoder.load(tmp_path)
    assert np.array_equal(again.encode(TEXTS), narrow.encode(TEXTS))
    assert "a unit vector of 8 numbers" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("dim", [0, 33])
def test_cut_to_a_width_that_is_not_there(encoder, dim):
    with pytest.raises(ShapeError, match=rf"Expected vectors to be cut to 1 to 32 numbers, .* got {dim}; lower it"):
        encoder.cut(dim)


def test_vectors_wider_than_the_states_come_back(encoder, tmp_path):
    encoder.tower.head = Head(32, 48)
    with torch.no_grad():
        encoder.tower.head.projection.copy_(torch.randn(48, 32, generator=torch.Generator().manual_seed(0)))
    encoder.save(tmp_path)
    assert np.array_equal(TransformerEncoder.load(tmp_path).encode(TEXTS), encoder.encode(TEXTS))
    assert encoder.encode(TEXTS).shape == (6, 48)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_the_head_of_another_transformer(base, tmp_path, pooling):
    encoder = TransformerEncoder.of_base(base, max_tokens=24, pooling=pooling)
    encoder.save(tmp_path)
    layout.write_head(tmp_path, Head(16, 32).state_dict(), pooling)
    with pytest.raises(
        ArtifactError, match=r"a head for states of width 32 in .*, got one for 16; it belongs to anoth"
    ):
        TransformerEncoder.load(tmp_path)
    layout.write_head(tmp_path, Head(32, 32).state_dict() | {"bias": torch.zeros(7)}, pooling)
    with pytest.raises(ArtifactError, match=r"Expected an encoder in .*\(32, 32\) beside .* another width"):
        TransformerEncoder.load(tmp_path)
