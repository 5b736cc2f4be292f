"""A served encoder that is a bag of words, each with a vector drawn at random: made in no time, without torch."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from recsys.artifacts import sha256


def write_toy(directory: Path, words: Sequence[str], *, dim: int) -> Path:
    """tokenizer.json, model.onnx and encoder.json in an existing directory; the same words give the same bytes."""
    known = ["[UNK]", *sorted(set(words))]
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.save(str(directory / "tokenizer.json"))
    vectors = np.random.default_rng(0).normal(size=(len(known), dim)).astype(np.float32)
    onnx.save(_bag_of_words(vectors), directory / "model.onnx")
    settings = {
        "digest": sha256(directory / "model.onnx"),
        "dim": dim,
        "max_tokens": 32,
        "vocabulary": len(known),
        "texts_per_call": 64,
    }
    (directory / "encoder.json").write_text(json.dumps(settings))
    return directory


def _bag_of_words(vectors: np.ndarray) -> onnx.ModelProto:
    """ids, mask → the unit vector of the sum of the words' vectors."""
    node = onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [
            node("Gather", ["words", "ids"], ["each"]),
            node("Cast", ["mask"], ["present"], to=onnx.TensorProto.FLOAT),
            node("Unsqueeze", ["present", "last"], ["column"]),
            node("Mul", ["each", "column"], ["read"]),
            node("ReduceSum", ["read", "second"], ["sum"], keepdims=0),
            node("LpNormalization", ["sum"], ["vectors"], axis=-1, p=2),
        ],
        "bag of words",
        [
            onnx.helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, ["n", "t"]),
            onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.BOOL, ["n", "t"]),
        ],
        [onnx.helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, ["n", vectors.shape[1]])],
        [
            onnx.numpy_helper.from_array(vectors, "words"),
            onnx.numpy_helper.from_array(np.array([2], np.int64), "last"),
            onnx.numpy_helper.from_array(np.array([1], np.int64), "second"),
        ],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
