"""Torch to ONNX."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from recsys.artifacts import sha256
from recsys.errors import TrainingError
from recsys.retrieval.onnx import OnnxEncoder
from recsys.text import compress
from recsys.text.encoder import TransformerEncoder
from tests.tiny import write_decoder

pytestmark = pytest.mark.slow
TEXTS = ("red trowel seed", "", "oven", "garden " * 500, "🎸 שלום guitar", "oven")


def make(base):
    encoder = TransformerEncoder.of_base(base, max_tokens=24, pooling="attention")
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in encoder.tower.head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=noise) / 5)
    return encoder


@pytest.fixture(scope="module")
def exported(base, tmp_path_factory):
    encoder, directory = make(base), tmp_path_factory.mktemp("served")
    encoder.tower.train()
    compress.export_onnx(encoder, directory)
    return encoder, directory


def test_parity_with_torch_and_no_dropout(exported):
    encoder, directory = exported
    served = OnnxEncoder.load(directory)
    assert np.abs(served.encode(TEXTS) - encoder.encode(TEXTS)).max() < 1e-5
    assert np.array_equal(served.encode(TEXTS), served.encode(TEXTS))


def test_batch_invariance(exported):
    served = OnnxEncoder.load(exported[1])
    alone = np.concatenate([served.encode([text]) for text in TEXTS])
    assert (served.encode(TEXTS) * alone).sum(axis=1).min() > 0.99999


def test_settings_tell_what_it_is(exported):
    encoder, directory = exported
    settings = json.loads((directory / "encoder.json").read_text())
    assert settings == {
        "digest": sha256(directory / "model.onnx"),
        "torch_digest": encoder.digest,
        "dim": 32,
        "layers": 3,
        "max_tokens": 24,
        "opset": compress.OPSET,
    }
    assert sorted(p.name for p in directory.iterdir()) == ["encoder.json", "model.onnx", "tokenizer.json"]


def test_the_same_weights_have_the_same_bytes(exported, base, tmp_path):
    compress.export_onnx(make(base), tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == (exported[1] / "model.onnx").read_bytes()


def test_a_graph_that_disagrees_is_refused(exported, base, tmp_path, monkeypatch):
    monkeypatch.setattr(compress, "PARITY", -1.0)
    with pytest.raises(TrainingError, match=r"Expected the exported encoder in .* within"):
        compress.export_onnx(make(base), tmp_path)


def test_a_decoder_is_exported_as_well(tmp_path):
    folder = write_decoder(tmp_path / "decoder")
    encoder = TransformerEncoder.of_base(folder, max_tokens=24, pooling="last")
    compress.export_onnx(encoder, tmp_path)
    served = OnnxEncoder.load(tmp_path)
    assert np.abs(served.encode(TEXTS) - encoder.encode(TEXTS)).max() < 1e-5
    alone = np.concatenate([served.encode([text]) for text in TEXTS])
    assert (served.encode(TEXTS) * alone).sum(axis=1).min() > 0.99999


def test_positions_that_start_behind_the_padding(base, tmp_path):
    config = XLMRobertaConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, initializer_range=0.3, pad_token_id=1, type_vocab_size=1,
    )  # fmt: skip
    XLMRobertaModel(config).save_pretrained(tmp_path / "base")
    shutil.copy(base / "tokenizer.json", tmp_path / "base")
    encoder = TransformerEncoder.of_base(tmp_path / "base", max_tokens=99, pooling="cls")
    assert encoder.max_tokens == 38
    compress.export_onnx(encoder, tmp_path)
    assert np.abs(OnnxEncoder.load(tmp_path).encode(TEXTS) - encoder.encode(TEXTS)).max() < 1e-5
