"""Folders of pretrained models."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertModel

from recsys.errors import ArtifactError
from recsys.text.bases import lora
from recsys.text.bases.pretrained import digest
from recsys.text.encoder import TransformerEncoder
from tests.tiny import scatter, write_base, write_decoder

TEXTS = ("red trowel seed", "", "oven", "garden " * 500, "guitar goes well")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return write_decoder(tmp_path_factory.mktemp("decoder"))


def of(folder, pooling="mean"):
    return TransformerEncoder.of_base(folder, max_tokens=16, pooling=pooling)


@pytest.fixture
def copy(base, tmp_path):
    return shutil.copytree(base, tmp_path / "copy")


def test_a_decoder_is_read_at_the_end_of_the_text(decoder):
    encoder = of(decoder, "last")
    ids = encoder.tokenizer.encode("red trowel seed").ids
    assert ids[-1] == 3
    assert encoder.tokenizer.encode("").ids == [3]
    assert len(encoder.tokenizer.encode("garden " * 500).ids) == 16
    model = AutoModel.from_pretrained(decoder, local_files_only=True).eval()
    with torch.no_grad():
        last = model(torch.tensor([ids])).last_hidden_state[0, -1]
    vectors = encoder.encode(TEXTS)
    assert vectors[0] == pytest.approx((last / last.norm()).numpy(), abs=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert (vectors * alone).sum(axis=1).min() > 0.99999


def test_a_decoder_has_seven_linear_maps_a_layer(decoder):
    tower = of(decoder).tower
    lora.adapt(tower, rank=2, alpha=4, seed=0)
    assert len(lora.learnable(tower, frozen=0)) == 7 * 3 * 2


def test_weights_may_lie_in_several_files_and_a_vocabulary_becomes_a_tokenizer(tmp_path):
    whole = write_base(tmp_path / "whole", more=("[MASK]",))
    parts = scatter(whole, tmp_path / "parts")
    assert of(parts).tokenizer.encode("Red trowel").ids == of(whole).tokenizer.encode("Red trowel").ids
    assert np.array_equal(of(parts).encode(TEXTS), of(whole).encode(TEXTS))
    before, file = digest(parts), parts / "model-00002-of-00002.safetensors"
    weights = load_file(file)
    save_file(weights | {name: value + 1 for name, value in weights.items()}, file, metadata={"format": "pt"})
    assert digest(parts) != before


def test_a_pooler_or_head_in_the_file_is_left_out(tmp_path, base, copy):
    config = BertConfig.from_pretrained(base)
    pooled = BertModel(config)
    pooled.load_state_dict(load_file(base / "model.safetensors"), strict=False)
    pooled.save_pretrained(copy)
    assert np.array_equal(of(copy).encode(TEXTS), of(base).encode(TEXTS))
    assert not [name for name in of(copy).tower.state_dict() if "pooler" in name]


def test_no_weights(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"found no model.safetensors; fetch or copy it again"):
        of(copy)
    (copy / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(
        ArtifactError, match=r"Expected safetensors weights at .*, found pytorch_model.bin, .* convert it once"
    ):
        of(copy)


def test_some_weights_missing(base, copy):
    weights = load_file(base / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArtifactError, match=r"Expected all weights .* found no encoder.layer.1.output.dense.weight"):
        of(copy)


def test_no_tokenizer(copy):
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"Expected a tokenizer.json at .*could not read it"):
        of(copy)
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ArtifactError, match=r"Expected a tokenizer.json at .*save_pretrained\(FOLDER\)"):
        of(copy)


def test_a_tokenizer_of_another_model(copy):
    body = json.loads((copy / "tokenizer.json").read_text())
    body["model"]["vocab"]["stranger"] = len(body["model"]["vocab"])
    (copy / "tokenizer.json").write_text(json.dumps(body))
    with pytest.raises(
        ArtifactError, match=r"Expected a tokenizer of at most (\d+) tokens, .*belongs to another model"
    ):
        of(copy)


def test_no_end_token(decoder, tmp_path):
    copy = shutil.copytree(decoder, tmp_path / "copy")
    settings = json.loads((copy / "config.json").read_text()) | {"eos_token_id": None}
    (copy / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ArtifactError, match=r"Expected an empty text to have a token, .*eos_token_id; add one"):
        of(copy)


def test_code_in_the_folder_is_not_run(copy, tmp_path):
    settings = {"model_type": "unheard-of", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (copy / "config.json").write_text(json.dumps(settings))
    (copy / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ArtifactError, match=r"Expected a model of the BERT family .* choose another base"):
        of(copy)
    assert not (tmp_path / "ran").exists()
