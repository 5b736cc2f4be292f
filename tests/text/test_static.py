"""Vectors of tokens, looked up and averaged."""

import json

import numpy as np
import pytest
import torch

from recsys.errors import ShapeError
from recsys.retrieval.onnx import OnnxEncoder
from recsys.text.bases.pretrained import read_tokenizer, read_transformer
from recsys.text.compress.export import export_onnx
from recsys.text.static import StaticEncoder, StaticTower

TEXTS = ("red trowel seed", "", "oven", "trowel " * 500, "🎸 שלום guitar", "oven")


@pytest.fixture(scope="module")
def encoder(base):
    tokenizer = read_tokenizer(base, read_transformer(base), 16)
    noise, size = torch.Generator().manual_seed(0), tokenizer.get_vocab_size()
    tower = StaticTower(torch.randn(size, 12, generator=noise), torch.randn(size, generator=noise)).eval()
    return StaticEncoder(tower=tower, tokenizer=tokenizer, max_tokens=16, digest="made")


def test_a_vector_is_the_weighted_mean_of_the_rows_at_length_1():
    rows = torch.tensor([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0]])
    tower = StaticTower(rows, torch.tensor([5.0, 0.0, float(np.log(3))]))
    with torch.no_grad():
        found = tower(torch.tensor([[1, 2, 0], [1, 1, 2]]), torch.tensor([[True, True, False], [True, True, True]]))
    sums = np.array([[1.0, 3.0], [2.0, 3.0]])
    assert found.numpy() == pytest.approx(sums / np.linalg.norm(sums, axis=1, keepdims=True), abs=1e-6)


def test_every_text_has_a_unit_vector_the_same_alone_and_in_any_company(encoder):
    vectors = encoder.encode(TEXTS)
    assert (vectors.shape, vectors.dtype, encoder.dim) == ((6, 12), np.float32, 12)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    assert np.array_equal(vectors[2], vectors[5])
    assert np.concatenate([encoder.encode([text]) for text in TEXTS]) == pytest.approx(vectors, abs=1e-6)
    with torch.no_grad():
        nothing = encoder.tower(torch.zeros((1, 3), dtype=torch.int64), torch.zeros((1, 3), dtype=torch.bool))
    assert float(nothing.norm()) == pytest.approx(1, abs=1e-6)


def test_cut_and_turned(encoder):
    whole = encoder.encode(TEXTS)
    first = whole[:, :5] / np.linalg.norm(whole[:, :5], axis=1, keepdims=True)
    assert encoder.cut(5).encode(TEXTS) == pytest.approx(first, abs=1e-5)
    assert encoder.cut(12) is encoder
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0].astype(np.float32)
    assert encoder.turned(turn).encode(TEXTS) == pytest.approx(whole @ turn.T, abs=1e-5)
    assert len({encoder.digest, encoder.cut(5).digest, encoder.cut(4).digest, encoder.turned(turn).digest}) == 4
    with pytest.raises(ShapeError, match=r"Expected vectors to be cut to 1 to 12 numbers, .* got 13; lower it"):
        encoder.cut(13)


def test_it_is_served_like_any_other(encoder, tmp_path):
    export_onnx(encoder, tmp_path, texts=TEXTS)
    served = OnnxEncoder.load(tmp_path)
    together = served.encode(TEXTS)
    assert together == pytest.approx(encoder.encode(TEXTS), abs=1e-5)
    alone = np.concatenate([served.encode([text]) for text in TEXTS])
    assert (alone * together).sum(axis=1).min() > 0.99999
    told = json.loads((tmp_path / "encoder.json").read_text())
    assert (told["layers"], told["dim"], told["vocabulary"]) == (0, 12, len(encoder.tower.rows))
