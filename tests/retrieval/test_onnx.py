"""The served encoder, on a graph whose vectors are known."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from recsys.artifacts import sha256
from recsys.data.synthetic import WORDS
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


def changed(encoder, directory, **settings):
    """A copy of the encoder with other settings, and the digest of the graph that lies there."""
    shutil.copytree(encoder, directory, dirs_exist_ok=True)
    body = json.loads((directory / "encoder.json").read_text())
    (directory / "encoder.json").write_text(json.dumps(body | settings))
    return directory


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json"])
@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_damaged_directory_is_one_sentence(toy_encoder, tmp_path, name, damage):
    changed(toy_encoder, tmp_path, digest=hashlib.sha256(b"{").hexdigest())
    (tmp_path / name).unlink() if damage == "missing" else (tmp_path / name).write_bytes(b"{")
    if name != "model.onnx":
        shutil.copy(toy_encoder / "model.onnx", tmp_path)
    with pytest.raises(ArtifactError, match=r"Expected a served encoder in .*make it again"):
        OnnxEncoder.load(tmp_path)


@pytest.mark.parametrize("damage", [lambda graph: graph[:-1], lambda graph: graph[:-1] + bytes([graph[-1] ^ 1])])
def test_a_cut_or_altered_graph_is_refused_before_it_is_parsed(toy_encoder, tmp_path, damage, monkeypatch):
    changed(toy_encoder, tmp_path)
    (tmp_path / "model.onnx").write_bytes(damage((toy_encoder / "model.onnx").read_bytes()))
    monkeypatch.setattr(ort, "InferenceSession", None)
    with pytest.raises(ArtifactError, match=r"model.onnx was altered: sha256 is .*, encoder.json says .*copy the enc"):
        OnnxEncoder.load(tmp_path)


def test_a_graph_with_other_inputs_or_outputs_is_refused(toy_encoder, tmp_path):
    graph = onnx.load(toy_encoder / "model.onnx")
    graph.graph.node[1].input[0] = graph.graph.input[1].name = "attention"
    onnx.save(graph, tmp_path / "other.onnx")
    changed(toy_encoder, tmp_path, digest=sha256(tmp_path / "other.onnx"))
    shutil.move(tmp_path / "other.onnx", tmp_path / "model.onnx")
    expected = r"Expected a graph with inputs \['ids', 'mask'\] and output \['vectors'\].* got \['attention', 'ids'\]"
    with pytest.raises(ArtifactError, match=expected):
        OnnxEncoder.load(tmp_path)


def test_an_operator_that_the_runtime_does_not_know_is_told(toy_encoder, tmp_path):
    graph = onnx.load(toy_encoder / "model.onnx")
    graph.graph.node[0].op_type = "Grasp"
    onnx.save(graph, tmp_path / "other.onnx")
    changed(toy_encoder, tmp_path, digest=sha256(tmp_path / "other.onnx"))
    shutil.move(tmp_path / "other.onnx", tmp_path / "model.onnx")
    with pytest.raises(ArtifactError, match=r"Expected a graph of operators that onnxruntime .* knows at .*Grasp"):
        OnnxEncoder.load(tmp_path)


def test_a_tokenizer_with_more_tokens_than_the_graph_has_embeddings(toy_encoder, tmp_path):
    rows = json.loads((toy_encoder / "encoder.json").read_text())["vocabulary"]
    changed(toy_encoder, tmp_path, vocabulary=rows - 1)
    with pytest.raises(
        ArtifactError, match=rf"Expected a tokenizer of at most {rows - 1} tokens in .*, got {rows}; it"
    ):
        OnnxEncoder.load(tmp_path)


def test_a_graph_that_reads_one_text_a_call_gets_one(toy_encoder, tmp_path):
    class Counted:
        def __init__(self, session):
            self.session, self.sizes = session, []

        def run(self, names, inputs):
            self.sizes.append(len(inputs["ids"]))
            return self.session.run(names, inputs)

    encoder = OnnxEncoder.load(changed(toy_encoder, tmp_path, texts_per_call=1))
    counted = Counted(encoder.session)
    vectors = replace(encoder, session=counted).encode(TEXTS)
    assert counted.sizes == [1] * len(TEXTS)
    assert vectors == pytest.approx(OnnxEncoder.load(toy_encoder).encode(TEXTS), abs=1e-6)


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    """A real one, of random weights."""
    from recsys.text.compress.export import export_onnx
    from recsys.text.encoder import TransformerEncoder
    from tests.tiny import write_base

    folder = tmp_path_factory.mktemp("transformer")
    base = write_base(folder / "base", layers=2, width=64)
    (folder / "served").mkdir()
    export_onnx(TransformerEncoder.of_base(base, max_tokens=48, pooling="mean"), folder / "served")
    return folder / "served"


@pytest.mark.parametrize("precision", ["fp32", "int8-static", "int8-dynamic"])
@pytest.mark.parametrize("threads", [1, 2])
def test_steady_vectors_are_bit_equal_whatever_is_read_with_them(transformer, tmp_path, precision, threads):
    words = sorted({word for taste in WORDS.values() for word in taste})
    rng = np.random.default_rng(0)
    texts = ["", *(" ".join(rng.choice(words, rng.integers(1, 60))) for _ in range(200))]
    served = transformer
    if precision != "fp32":
        from recsys.text.compress.config import CompressConfig
        from recsys.text.compress.quantise import quantise

        quantise(transformer, tmp_path, config=CompressConfig(precision=precision, loss_limit=2), texts=texts[:64])
        served = tmp_path
    encoder = OnnxEncoder.load(served, threads=threads)
    whole = encoder.steady(texts)
    assert whole == pytest.approx(encoder.encode(texts), abs=1e-5)
    for n in (1, 2, 3, 10, 80):
        some = rng.choice(len(texts), n, replace=False)
        assert np.array_equal(encoder.steady([texts[row] for row in some]), whole[some])
    assert encoder.steady([]).shape == (0, encoder.dim)


def test_the_reading_is_of_graph_tokenizer_cut_and_threads(toy_encoder, tmp_path):
    first = OnnxEncoder.load(toy_encoder).reading
    assert OnnxEncoder.load(toy_encoder).reading == first
    cut = OnnxEncoder.load(changed(toy_encoder, tmp_path / "cut", max_tokens=3)).reading
    alone = OnnxEncoder.load(changed(toy_encoder, tmp_path / "alone", texts_per_call=1)).reading
    two = OnnxEncoder.load(toy_encoder, threads=2).reading
    folder = changed(toy_encoder, tmp_path / "words")
    told = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(told.replace('"oven"', '"0ven"'))
    assert len({first, cut, alone, two, OnnxEncoder.load(folder).reading}) == 5


def test_no_torch_is_loaded(toy_encoder):
    code = (
        "import sys; from pathlib import Path; from recsys.retrieval.onnx import OnnxEncoder; "
        f"OnnxEncoder.load(Path({str(toy_encoder)!r})).encode(['oven']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'ray')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
