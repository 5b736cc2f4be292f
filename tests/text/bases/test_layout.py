"""The folder that others can load; tests/bench/sentence_transformers_layout.py asks them."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from recsys.text.encoder import TransformerEncoder
from tests.tiny import write_decoder

TEXTS = ("red trowel seed", "", "oven", "garden " * 500)


def saved(base, directory, pooling):
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling=pooling)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in encoder.tower.head.named_parameters():
            if name != "query" or pooling == "attention":
                parameter.add_(torch.randn(parameter.shape, generator=noise) / 5)
    encoder.save(directory)
    return encoder


def read(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "attention"])
def test_every_pooling_comes_back(base, tmp_path, pooling):
    encoder = saved(base, tmp_path, pooling)
    again = TransformerEncoder.load(tmp_path)
    assert np.array_equal(again.encode(TEXTS), encoder.encode(TEXTS))
    assert again.pooling == pooling


def test_modules_of_a_cut_encoder(base, tmp_path):
    TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").cut(8).save(tmp_path)
    dense = read(tmp_path / "2_Dense" / "config.json")
    assert (dense["in_features"], dense["out_features"]) == (32, 8)
    assert read(tmp_path / "1_Pooling" / "config.json")["word_embedding_dimension"] == 32


def test_modules_say_what_is_computed(base, tmp_path):
    encoder = saved(base, tmp_path, "mean")
    modules = read(tmp_path / "modules.json")
    assert [(m["idx"], m["path"], m["type"].rsplit(".", 1)[1]) for m in modules] == [
        (0, "transformer", "Transformer"),
        (1, "1_Pooling", "Pooling"),
        (2, "2_Dense", "Dense"),
        (3, "3_Normalize", "Normalize"),
    ]
    assert all((tmp_path / m["path"]).is_dir() for m in modules)
    pooling = read(tmp_path / "1_Pooling" / "config.json")
    assert [name for name, value in pooling.items() if value is True] == ["pooling_mode_mean_tokens"]
    assert pooling["word_embedding_dimension"] == 32
    dense = read(tmp_path / "2_Dense" / "config.json")
    assert dense["activation_function"] == "torch.nn.modules.linear.Identity"
    assert (dense["in_features"], dense["out_features"]) == (32, 32)
    weights = load_file(tmp_path / "2_Dense" / "model.safetensors")
    assert torch.equal(weights["linear.weight"], encoder.tower.head.projection)
    assert torch.equal(weights["linear.bias"], encoder.tower.head.bias)
    assert read(tmp_path / "transformer" / "sentence_bert_config.json")["max_seq_length"] == 16


@pytest.mark.parametrize(("pooling", "mode"), [("cls", "pooling_mode_cls_token"), ("last", "pooling_mode_lasttoken")])
def test_other_poolings(base, tmp_path, pooling, mode):
    saved(base, tmp_path, pooling)
    modes = read(tmp_path / "1_Pooling" / "config.json")
    assert [name for name, value in modes.items() if value is True] == [mode]


def test_the_tokenizer_is_the_same_to_transformers(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    encoder = saved(write_decoder(tmp_path / "decoder"), folder, "last")
    theirs = AutoTokenizer.from_pretrained(folder / "transformer", local_files_only=True)
    ours = [encoding.ids for encoding in encoder.tokenizer.encode_batch(list(TEXTS))]
    assert theirs(list(TEXTS), truncation=True)["input_ids"] == ours
    assert (theirs.pad_token_id, theirs.model_max_length) == (0, 16)


def test_attention_pooling_has_no_modules(base, tmp_path):
    saved(base, tmp_path, "attention")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "README.md",
        "encoder.json",
        "head.safetensors",
        "transformer",
    ]
    assert "attention pooling is none of its modules" in (tmp_path / "README.md").read_text()
