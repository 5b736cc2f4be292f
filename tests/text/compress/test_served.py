"""From a student to what is served."""

import numpy as np
import pytest

from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import OnnxEncoder
from recsys.text.compress.config import CompressConfig
from recsys.text.compress.served import serve
from recsys.text.distill.student import Student
from recsys.text.pca import principal_axes
from recsys.text.validation import Validation

pytestmark = pytest.mark.slow


@pytest.fixture
def student(exported, corpus):
    encoder = exported[0]
    return Student(encoder=encoder, interest=InterestModel.zero_shot(encoder.dim, corpus.day))


def test_the_user_tower_is_calibrated_on_the_served_vectors(student, corpus, tmp_path):
    made = serve(student, CompressConfig(precision="int8-static"), corpus, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "encoder.json", "interest.json", "interest.safetensors", "model.onnx", "tokenizer.json"
    ]  # fmt: skip
    vectors = OnnxEncoder.load(tmp_path).encode(corpus.texts)
    assert np.array_equal(made.vectors, vectors)
    fitted = Validation.of(corpus).pairs(student.interest, vectors).fit("platt")
    assert InterestModel.load(tmp_path).calibration == made.interest.calibration == fitted
    assert made.exact.encoder.digest != made.encoder.digest
    assert np.abs(made.exact.vectors - student.encoder.encode(corpus.texts)).max() < 1e-5
    assert made.size == (tmp_path / "model.onnx").stat().st_size < made.exact.size


@pytest.mark.parametrize("reduction", ["prefix", "pca"])
def test_fewer_numbers_are_served(student, corpus, tmp_path, reduction):
    whole = student.encoder.encode(corpus.texts)
    turn = np.eye(32, dtype=np.float32) if reduction == "prefix" else principal_axes(whole)
    made = serve(student, CompressConfig(dim=8, reduction=reduction), corpus, tmp_path)
    expected = (whole @ turn.T)[:, :8]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert made.vectors == pytest.approx(expected, abs=1e-5)
    assert (made.encoder.dim, made.interest.dim, made.exact) == (8, 8, None)
    assert OnnxEncoder.load(tmp_path).dim == 8
