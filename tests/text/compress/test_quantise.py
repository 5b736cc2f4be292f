"""The other number formats of a small encoder."""

import json

import numpy as np
import onnx
import pytest
import torch

from recsys.artifacts import sha256
from recsys.errors import ExportError
from recsys.retrieval.onnx import OnnxEncoder
from recsys.text.compress.config import CompressConfig
from recsys.text.compress.export import export_onnx
from recsys.text.compress.quantise import quantise
from recsys.text.static import StaticEncoder, StaticTower
from tests.text.compress.conftest import TEXTS

pytestmark = pytest.mark.slow
PRECISIONS = ("fp16", "int8-static", "int8-dynamic")


def config(precision="int8-static", **changes):
    return CompressConfig.model_validate({"precision": precision, "loss_limit": 1.0} | changes)


@pytest.fixture(scope="module")
def made(exported, corpus, tmp_path_factory):
    """Every precision's directory."""
    directories = {"fp32": exported[1]}
    for precision in PRECISIONS:
        directories[precision] = tmp_path_factory.mktemp(precision)
        quantise(exported[1], directories[precision], config=config(precision), texts=corpus.texts)
    return directories


@pytest.mark.parametrize(("precision", "likeness"), [("fp16", 0.99999), ("int8-static", 0.98), ("int8-dynamic", 0.98)])
def test_vectors_are_nearly_those_of_fp32(made, corpus, precision, likeness):
    exact = OnnxEncoder.load(made["fp32"]).encode(corpus.texts)
    vectors = OnnxEncoder.load(made[precision]).encode(corpus.texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)), abs=1e-5)
    cosine = (vectors * exact).sum(axis=1)
    assert likeness < cosine.min() < 1 - 1e-9
    assert not np.array_equal(vectors, exact)


@pytest.mark.parametrize("precision", ["fp32", *PRECISIONS])
def test_a_text_has_the_same_vector_alone_and_in_any_batch(made, corpus, precision):
    served, texts = OnnxEncoder.load(made[precision]), (*TEXTS, *corpus.texts[:40])
    alone = np.concatenate([served.encode([text]) for text in texts])
    for batch_size in (2, 7, 64):
        assert (served.encode(texts, batch_size=batch_size) * alone).sum(axis=1).min() > 0.99999


def test_dynamic_scales_would_let_neighbours_move_a_vector(made):
    served = OnnxEncoder.load(made["int8-dynamic"])
    alone = served.session.run(["vectors"], served.inputs(["oven"]))[0][0]
    beside = served.session.run(["vectors"], served.inputs(["oven", "garden " * 22]))[0][0]
    assert alone @ beside < 0.99999
    assert served.texts_per_call == 1


@pytest.mark.parametrize("precision", PRECISIONS)
def test_settings_tell_what_it_is(made, precision):
    before, after = (json.loads((made[name] / "encoder.json").read_text()) for name in ("fp32", precision))
    texts = 1 if precision == "int8-dynamic" else 64
    spared = {} if precision == "fp16" else {"spared": []}
    digest = {"digest": sha256(made[precision] / "model.onnx")}
    assert after == before | digest | spared | {"precision": precision, "texts_per_call": texts}
    assert (made[precision] / "tokenizer.json").read_bytes() == (made["fp32"] / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_graph_is_a_standard_one_with_products_and_tables_in_few_bits(made, precision):
    graph = onnx.load(made[precision] / "model.onnx")
    onnx.checker.check_model(graph)
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx"}
    floats = [t.name for t in graph.graph.initializer if len(t.dims) == 2 and t.data_type == onnx.TensorProto.FLOAT]
    assert len([name for name in floats if not name.endswith(".scale")]) == (precision != "fp16")  # the head's


def test_the_same_texts_give_the_same_bytes(exported, made, corpus, tmp_path):
    quantise(exported[1], tmp_path, config=config(), texts=corpus.texts)
    assert (tmp_path / "model.onnx").read_bytes() == (made["int8-static"] / "model.onnx").read_bytes()


def test_what_loses_most_is_spared(exported, corpus, tmp_path):
    exact = OnnxEncoder.load(exported[1]).encode(corpus.texts)
    losses = []
    for most in (0, 3):
        quantise(exported[1], tmp_path, config=config(loss_limit=0, most_spared=most), texts=corpus.texts)
        losses.append(1 - (OnnxEncoder.load(tmp_path).encode(corpus.texts) * exact).sum(axis=1).mean())
    spared = json.loads((tmp_path / "encoder.json").read_text())["spared"]
    products = [n for n in onnx.load(tmp_path / "model.onnx").graph.node if n.name in spared]
    assert len({node.input[0] for node in products}) == 3
    assert all(node.op_type == "MatMul" and not node.input[0].endswith(".int8") for node in products)
    assert losses[1] < losses[0] / 1.3


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_table_of_tokens_has_no_products_and_a_smaller_table(exported, corpus, tmp_path, precision):
    tokenizer = exported[0].tokenizer
    rows = torch.randn(tokenizer.get_vocab_size(), 64, generator=torch.Generator().manual_seed(0))
    tower = StaticTower(rows, torch.linspace(-1, 1, len(rows))).eval()
    encoder = StaticEncoder(tower=tower, tokenizer=tokenizer, max_tokens=24, digest="")
    for name in ("fp32", precision):
        (tmp_path / name).mkdir()
    export_onnx(encoder, tmp_path / "fp32")
    quantise(tmp_path / "fp32", tmp_path / precision, config=config(precision), texts=corpus.texts)
    vectors = OnnxEncoder.load(tmp_path / precision).encode(corpus.texts)
    assert (vectors * encoder.encode(corpus.texts)).sum(axis=1).min() > 0.9999
    sizes = [(tmp_path / name / "model.onnx").stat().st_size for name in (precision, "fp32")]
    assert sizes[0] < sizes[1] * (0.8 if precision == "fp16" else 0.7)


def test_no_texts_to_calibrate_on(exported, tmp_path):
    with pytest.raises(ExportError, match="Expected at least 1 text to calibrate int8-static on, got none"):
        quantise(exported[1], tmp_path, config=config(), texts=[])
    with pytest.raises(ExportError, match="Expected at least 1 text to measure the loss of int8 with, got none"):
        quantise(exported[1], tmp_path, config=config("int8-dynamic"), texts=[])
