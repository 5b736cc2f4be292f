"""From the fp32 graph to a smaller and faster one."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from recsys.artifacts import sha256
from recsys.errors import ExportError
from recsys.retrieval.onnx import MODEL, SETTINGS, TOKENIZER, OnnxEncoder, session
from recsys.text.compress.calibration import ranges
from recsys.text.compress.config import CompressConfig
from recsys.text.compress.graph import Group, groups
from recsys.text.compress.half import half
from recsys.text.compress.integers import int8_dynamic, int8_static, int8_tables
from recsys.text.compress.sensitivity import spared

_PROBES = 64
"""Texts on which the loss is measured."""


def quantise(source: Path, target: Path, *, config: CompressConfig, texts: Sequence[str]) -> None:
    """Write the encoder of a directory in another number format.

    Args:
        source: what `export_onnx` wrote.
        target: an existing directory for the same three files.
        config: the settings.
        texts: known before encoder_end; some calibrate, others measure what is lost.

    Raises:
        ExportError: no texts to calibrate on or to measure with, or a graph that the runtime cannot read.
    """
    encoder, model = OnnxEncoder.load(source), onnx.load(source / MODEL)
    settings = json.loads((source / SETTINGS).read_text()) | {"precision": config.precision}
    if config.precision == "fp16":
        model = half(model)
    elif config.precision != "fp32":
        model, kept = _integers(model, encoder, config, texts)
        settings |= {"spared": [name for group in kept for name in group.nodes]}
    if config.precision == "int8-dynamic":
        settings |= {"texts_per_call": 1}  # scales are those of a call: a neighbour would move them
    onnx.save(model, target / MODEL)
    shutil.copyfile(source / TOKENIZER, target / TOKENIZER)
    (target / SETTINGS).write_text(json.dumps(settings | {"digest": sha256(target / MODEL)}, indent=1))


def _integers(
    model: onnx.ModelProto, encoder: OnnxEncoder, config: CompressConfig, texts: Sequence[str]
) -> tuple[onnx.ModelProto, tuple[Group, ...]]:
    """The int8 graph, and the groups that stay fp32."""
    every = groups(model)
    build = partial(int8_dynamic, model)
    if config.precision == "int8-static":
        found = ranges(model, every, encoder, _some(texts, config.calibration_texts))
        build = partial(int8_static, model, ranges=found)
    probes = _some(texts, _PROBES, shift=0.5)
    if not probes:
        raise ExportError("Expected at least 1 text to measure the loss of int8 with, got none; bring items with text.")
    exact = encoder.encode(probes, batch_size=1)

    def loss(chosen: Sequence[Group]) -> float:
        changed = replace(encoder, session=session(build(chosen=chosen).SerializeToString()), texts_per_call=1)
        return float(1 - (changed.encode(probes) * exact).sum(axis=1).mean())

    kept = spared(every, loss, limit=config.loss_limit, most=config.most_spared)
    return int8_tables(build(chosen=[group for group in every if group not in kept])), kept


def _some(texts: Sequence[str], most: int, *, shift: float = 0.0) -> list[str]:
    """At most so many, at even distances; `shift` moves them by a share of the distance."""
    step = max(1.0, len(texts) / most)
    return [texts[int(place)] for place in np.arange(step * shift, len(texts), step)]
