"""Torch to ONNX."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from recsys.artifacts import sha256
from recsys.data.synthetic import WORDS
from recsys.errors import ExportError
from recsys.retrieval.onnx import OnnxEncoder
from recsys.text.compress import export
from recsys.text.compress.export import export_onnx
from recsys.text.encoder import TransformerEncoder
from tests.text.compress.conftest import TEXTS, make
from tests.tiny import write_decoder

pytestmark = pytest.mark.slow


def of_all_lengths(count: int) -> list[str]:
    """Words of the small shop, 0 to 30 of them: the limit is 24 tokens, two of which are markers."""
    words = [word for own in WORDS.values() for word in own]
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(words, n % 31)) for n in range(count)]


def test_a_thousand_texts_of_all_lengths_have_torchs_vectors_and_no_dropout(exported):
    encoder, directory = exported
    texts, served = of_all_lengths(1000), OnnxEncoder.load(directory)
    assert {len(encoder.tokenizer.encode(text).ids) for text in texts} == set(range(2, 25))
    vectors = served.encode(texts)
    assert np.abs(vectors - encoder.encode(texts)).max() < 1e-5
    assert np.array_equal(vectors, served.encode(texts))


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
        "opset": export.OPSET,
        "precision": "fp32",
        "vocabulary": encoder.tokenizer.get_vocab_size(),
        "texts_per_call": 64,
    }
    assert sorted(p.name for p in directory.iterdir()) == ["encoder.json", "model.onnx", "tokenizer.json"]
    assert onnx.load(directory / "model.onnx").opset_import[0].version == export.OPSET


def test_the_same_weights_have_the_same_bytes(exported, base, tmp_path):
    export_onnx(make(base), tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == (exported[1] / "model.onnx").read_bytes()


def test_fewer_numbers_are_those_of_the_cut_encoder(base, tmp_path):
    encoder = make(base)
    export_onnx(encoder.cut(8), tmp_path)
    first = encoder.encode(TEXTS)[:, :8]
    expected = first / np.linalg.norm(first, axis=1, keepdims=True)
    assert OnnxEncoder.load(tmp_path).encode(TEXTS) == pytest.approx(expected, abs=1e-5)


def test_a_graph_that_disagrees_with_torch_on_one_of_the_shops_texts_is_refused(exported, base, monkeypatch):
    encoder, directory = exported
    monkeypatch.setattr(export, "_write", lambda tower, path: None)
    export_onnx(encoder, directory, texts=["oven " * n for n in range(30)])
    table = encoder.tower.transformer.embeddings.word_embeddings.weight
    with torch.no_grad():
        table[encoder.tokenizer.token_to_id("oven")] *= -1
    try:
        export_onnx(encoder, directory)
        with pytest.raises(ExportError, match=r"Expected the exported encoder in .* within 0.0001 of torch, got "):
            export_onnx(encoder, directory, texts=["oven " * n for n in range(30)])
    finally:
        with torch.no_grad():
            table[encoder.tokenizer.token_to_id("oven")] *= -1


def test_texts_are_compared_from_the_shortest_to_the_longest():
    chosen = export._of_all_lengths(["oven " * n for n in range(200, 0, -1)])
    assert (len(chosen), chosen[0], chosen[-1]) == (64, "oven ", "oven " * 200)
    assert export._of_all_lengths(["b", "a"]) == ["b", "a"]
    assert export._of_all_lengths([]) == []


class _Foreign(torch.nn.Module):
    """A tower with an operator that ONNX lacks."""

    layers, dim = (), 32

    def forward(self, ids, mask):
        return torch.special.bessel_j0(ids.float() * mask)


def test_an_operator_that_onnx_lacks_is_named(base, tmp_path):
    with pytest.raises(ExportError, match=r"Expected an encoder made of operators that ONNX opset 20 knows.*bessel_j0"):
        export_onnx(replace(make(base), tower=_Foreign()), tmp_path)


class _Tableless(torch.nn.Module):
    """A tower without embeddings."""

    layers, dim = (), 32

    def forward(self, ids, mask):
        return ids.float() * mask


def test_an_encoder_without_a_table_is_refused(base, tmp_path):
    with pytest.raises(ExportError, match="Expected an encoder that looks its token ids up in a table"):
        export_onnx(replace(make(base), tower=_Tableless()), tmp_path)


def test_a_decoder_is_exported_as_well(tmp_path):
    folder = write_decoder(tmp_path / "decoder")
    encoder = TransformerEncoder.of_base(folder, max_tokens=24, pooling="last")
    export_onnx(encoder, tmp_path)
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
    export_onnx(encoder, tmp_path)
    assert np.abs(OnnxEncoder.load(tmp_path).encode(TEXTS) - encoder.encode(TEXTS)).max() < 1e-5
