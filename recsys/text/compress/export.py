"""From a torch encoder to an ONNX graph from token ids to unit vectors: the fp32 form that the others come from."""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.onnx.errors import OnnxExporterError

from recsys.artifacts import sha256
from recsys.errors import ExportError
from recsys.retrieval.onnx import MODEL, SETTINGS, TEXTS, TOKENIZER, OnnxEncoder
from recsys.schema import FloatArray
from recsys.text.compress.graph import vocabulary

OPSET = 20
PARITY = 1e-4
"""Largest difference of any component between torch and the graph."""

_PROBES = ("", "a", "blue mug", "a longer text, with words, numbers 12 and signs & more " * 8)
_SAMPLE = 64


class Exportable(Protocol):
    """An encoder in torch: a transformer's or a table of tokens."""

    @property
    def tower(self) -> nn.Module:
        """From ids (N, T) int64 and mask (N, T) bool to (N, dim); its `layers` are counted."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Cuts to `max_tokens`, does not pad."""

    @property
    def max_tokens(self) -> int:
        """Length limit of a text."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""

    @property
    def digest(self) -> str:
        """Of what it was made from."""

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        """float32 (n, dim), unit rows in the order of the texts."""


def export_onnx(encoder: Exportable, directory: Path, *, texts: Sequence[str] = ()) -> None:
    """Write model.onnx (fp32), tokenizer.json and encoder.json into an existing directory.

    Pooling, projection and norm are inside the graph; texts and tokens are dynamic dimensions.

    Args:
        encoder: any that reads ids (N, T) and a mask (N, T).
        directory: existing.
        texts: the shop's; a sample of all lengths must have the same vectors as in torch.

    Raises:
        ExportError: an operator that ONNX does not know, or vectors that differ from torch's by more than 1e-4.
    """
    _write(encoder.tower.eval(), directory / MODEL)
    encoder.tokenizer.save(str(directory / TOKENIZER))
    settings = {
        "digest": sha256(directory / MODEL),
        "torch_digest": encoder.digest,
        "dim": encoder.dim,
        "layers": len(cast("nn.ModuleList", encoder.tower.layers)),
        "max_tokens": encoder.max_tokens,
        "opset": OPSET,
        "precision": "fp32",
        "vocabulary": vocabulary(onnx.load(directory / MODEL)),
        "texts_per_call": TEXTS,
    }
    (directory / SETTINGS).write_text(json.dumps(settings, indent=1))
    _check(encoder, directory, (*_PROBES, *_of_all_lengths(texts)))


def _write(tower: nn.Module, path: Path) -> None:
    ids_NT = torch.ones((2, 7), dtype=torch.int64)
    mask_NT = torch.arange(7)[None, :] < torch.tensor([[7], [5]])
    shape = {0: torch.export.Dim("texts", min=1, max=1 << 20), 1: torch.export.Dim("tokens", min=1, max=1 << 14)}
    try:
        with torch.no_grad(), _quiet():
            torch.onnx.export(
                tower,
                (ids_NT, mask_NT),
                path,
                input_names=["ids", "mask"],
                output_names=["vectors"],
                opset_version=OPSET,
                dynamic_shapes=(shape, shape),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except OnnxExporterError as error:
        raise ExportError(
            f"Expected an encoder made of operators that ONNX opset {OPSET} knows, got one that cannot be exported "
            f"({_reason(error)}); choose another base."
        ) from error
    _strip(path)


def _reason(error: BaseException) -> str:
    """What the innermost error says, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().splitlines()[0]


def _of_all_lengths(texts: Sequence[str]) -> list[str]:
    by_length = sorted(texts, key=len)
    places = np.unique(np.linspace(0, max(len(texts) - 1, 0), min(_SAMPLE, len(texts))).astype(int))
    return [by_length[place] for place in places]


def _check(encoder: Exportable, directory: Path, texts: Sequence[str]) -> None:
    served = OnnxEncoder.load(directory).encode(texts)
    difference = float(np.abs(served - encoder.encode(texts)).max())
    if not difference <= PARITY:
        raise ExportError(
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
