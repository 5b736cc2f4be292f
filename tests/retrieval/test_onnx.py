"""The served encoder, on a graph whose vectors are known."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from recsys.errors import ArtifactError
from recsys.retrieval.onnx import OnnxEncoder

TEXTS = ("trowel seed hedge", "oven", "guitar drum", "oven", "kite doll puzzle marble blocks " * 20)


def test_unit_rows_in_the_order_of_the_texts(toy_encoder):
    encoder = OnnxEncoder.load(toy_encoder)
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (5, encoder.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert np.array_equal(vectors[1], vectors[3])
    two = encoder.encode(["trowel", "seed"])
    assert encoder.encode(["trowel trowel"])[0] == pytest.approx(two[0], abs=1e-6)
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_neighbours_do_not_move_a_vector(toy_encoder):
    encoder = OnnxEncoder.load(toy_encoder)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    for batch_size in (1, 2, 64):
        assert (encoder.encode(TEXTS, batch_size=batch_size) * alone).sum(axis=1).min() > 0.99999


def test_text_is_cut_to_max_tokens(toy_encoder, tmp_path):
    shutil.copytree(toy_encoder, tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "encoder.json").read_text())
    (tmp_path / "encoder.json").write_text(json.dumps(settings | {"max_tokens": 1}))
    encoder = OnnxEncoder.load(tmp_path)
    assert np.array_equal(encoder.encode(["oven trowel"]), encoder.encode(["oven"]))


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json"])
@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_damaged_directory_is_one_sentence(toy_encoder, tmp_path, name, damage):
    shutil.copytree(toy_encoder, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).unlink() if damage == "missing" else (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ArtifactError, match=r"Expected a served encoder in .*make it again"):
        OnnxEncoder.load(tmp_path)


def test_no_torch_is_loaded(toy_encoder):
    code = (
        "import sys; from pathlib import Path; from recsys.retrieval.onnx import OnnxEncoder; "
        f"OnnxEncoder.load(Path({str(toy_encoder)!r})).encode(['oven']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'ray')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
