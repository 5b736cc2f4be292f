"""From a torch encoder to the one that is served: an ONNX graph from token ids to unit vectors."""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch

from recsys.artifacts import sha256
from recsys.errors import TrainingError
from recsys.retrieval.onnx import MODEL, SETTINGS, TOKENIZER, OnnxEncoder
from recsys.text.encoder import TransformerEncoder

OPSET = 20
PARITY = 1e-4
"""Largest difference of any component between torch and the graph."""

_PROBES = ("", "a", "blue mug", "a longer text, with words, numbers 12 and signs & more " * 8)


def export_onnx(encoder: TransformerEncoder, directory: Path) -> None:
    """Write model.onnx (fp32), tokenizer.json and encoder.json into an existing directory.

    fp32, since dynamic int8 would make a text's vector depend on its neighbours in a batch.

    Raises:
        TrainingError: the graph's vectors differ from torch's by more than 1e-4.
    """
    tower = encoder.tower.eval()
    ids_NT = torch.ones((2, 7), dtype=torch.int64)
    mask_NT = torch.arange(7)[None, :] < torch.tensor([[7], [5]])
    shape = {0: torch.export.Dim("texts", min=1, max=1 << 20), 1: torch.export.Dim("tokens", min=1, max=1 << 14)}
    with torch.no_grad(), _quiet():
        torch.onnx.export(
            tower,
            (ids_NT, mask_NT),
            directory / MODEL,
            input_names=["ids", "mask"],
            output_names=["vectors"],
            opset_version=OPSET,
            dynamic_shapes=(shape, shape),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    _strip(directory / MODEL)
    encoder.tokenizer.save(str(directory / TOKENIZER))
    settings = {
        "digest": sha256(directory / MODEL),
        "torch_digest": encoder.digest,
        "dim": encoder.dim,
        "layers": len(tower.layers),
        "max_tokens": encoder.max_tokens,
        "opset": OPSET,
    }
    (directory / SETTINGS).write_text(json.dumps(settings, indent=1))
    _check(encoder, directory)


def _check(encoder: TransformerEncoder, directory: Path) -> None:
    served = OnnxEncoder.load(directory).encode(_PROBES)
    difference = float(np.abs(served - encoder.encode(_PROBES)).max())
    if not difference <= PARITY:
        raise TrainingError(
            f"Expected the exported encoder in {directory} within {PARITY} of torch, got {difference:.2g}; "
            "the installed torch and onnxruntime do not fit each other, use the versions in constraints.txt."
        )


def _strip(path: Path) -> None:
    """Drop what the exporter says about source files and lines: the same weights have the same bytes everywhere."""
    model = onnx.load(path)
    for holder in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    onnx.save(model, path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's own log lines and warnings off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
