"""Matrix products and tables of an ONNX graph in int8, in standard operators for which ONNX Runtime has kernels.

ONNX Runtime's own quantiser is not used: it also rounds the residual stream and takes the weights of one-dimensional
products, which the kernels then refuse.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx.helper import make_node

from recsys.schema import FloatArray
from recsys.text.compress.graph import Constant, Edit, Group, constant, edited, lookups

_WEIGHT = 63
"""Largest code of a weight: 7 bits, for processors without VNNI add two products of 8 bits in 16 and saturate."""
_ROW = 127
"""Largest code of a table's entry."""


def int8_tables(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose tables of embeddings are int8, with one scale a row."""
    edits = {}
    for node in lookups(model):
        (table, places), (out,) = node.input, node.output
        rows = np.asarray(constant(model, table), np.float32)
        scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.float32(1e-12)) / _ROW
        edits[node.name] = Edit(
            nodes=[
                make_node("Gather", [f"{table}.codes", places], [f"{out}.codes"], name=node.name),
                make_node("Cast", [f"{out}.codes"], [f"{out}.whole"], name=f"{out}.cast", to=onnx.TensorProto.FLOAT),
                make_node("Gather", [f"{table}.scale", places], [f"{out}.scale"], name=f"{out}.scales"),
                make_node("Mul", [f"{out}.whole", f"{out}.scale"], [out], name=f"{out}.scaled"),
            ],
            constants={f"{table}.codes": _codes(rows, scale, _ROW), f"{table}.scale": scale},
        )
    return edited(model, edits)


def int8_static(
    model: onnx.ModelProto, chosen: Iterable[Group], ranges: Mapping[str, tuple[float, float]]
) -> onnx.ModelProto:
    """A copy where these groups are int8, with fixed scales of the states.

    Args:
        model: fp32.
        chosen: some of its groups.
        ranges: lowest and highest value of the states of each.
    """
    edits = {}
    for group in chosen:
        name = f"{group.states}.int8"
        codes, scale, zero = (f"{name}.{part}" for part in ("codes", "scale", "zero"))
        step, code = _fixed(*ranges[group.states])
        constants: dict[str, Constant] = {scale: step, zero: code}
        first = [
            make_node("QuantizeLinear", [group.states, scale, zero], [codes], name=f"{name}.quantize"),
            make_node("DequantizeLinear", [codes, scale, zero], [name], name=f"{name}.dequantize"),
        ]
        for node in _named(model, group):
            weight = node.input[1]
            parts = [f"{weight}.codes", f"{weight}.scale"]
            column = make_node("DequantizeLinear", parts, [f"{weight}.int8"], name=f"{weight}.dequantize", axis=1)
            product = make_node("MatMul", [name, f"{weight}.int8"], node.output, name=node.name)
            edits[node.name] = Edit(nodes=[*first, column, product], constants=constants | _columns(model, weight))
            first, constants = [], {}
    return edited(model, edits)


def int8_dynamic(model: onnx.ModelProto, chosen: Iterable[Group]) -> onnx.ModelProto:
    """A copy where these groups are int8, with scales of the states that each call gives anew."""
    edits = {}
    for group in chosen:
        codes, scale, zero = (f"{group.states}.{part}" for part in ("codes", "scale", "zero"))
        first = [make_node("DynamicQuantizeLinear", [group.states], [codes, scale, zero], name=codes)]
        for node in _named(model, group):
            weight, (out,) = node.input[1], node.output
            steps = [
                make_node("MatMulInteger", [codes, f"{weight}.codes", zero], [f"{out}.int32"], name=node.name),
                make_node("Cast", [f"{out}.int32"], [f"{out}.whole"], name=f"{out}.cast", to=onnx.TensorProto.FLOAT),
                make_node("Mul", [scale, f"{weight}.scale"], [f"{out}.scale"], name=f"{out}.scales"),
                make_node("Mul", [f"{out}.whole", f"{out}.scale"], [out], name=f"{out}.scaled"),
            ]
            edits[node.name] = Edit(nodes=[*first, *steps], constants=_columns(model, weight))
            first = []
    return edited(model, edits)


def _named(model: onnx.ModelProto, group: Group) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.name in group.nodes]


def _columns(model: onnx.ModelProto, name: str) -> dict[str, Constant]:
    """Codes and scales of a weight (W, U), one scale for each column: each output has its own."""
    weight = np.asarray(constant(model, name), np.float32)
    scale = np.maximum(np.abs(weight).max(axis=0), np.float32(1e-12)) / _WEIGHT
    return {f"{name}.codes": _codes(weight, scale, _WEIGHT), f"{name}.scale": scale}


def _codes(values: FloatArray, scale: FloatArray, most: int) -> npt.NDArray[np.int8]:
    return np.asarray(np.clip(np.rint(values / scale), -most, most), np.int8)


def _fixed(lowest: float, highest: float) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    """Scale and code of 0 so that the codes 0 to 255 span the range, which always holds 0."""
    lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    scale = max(highest - lowest, 1e-12) / 255
    return np.array(scale, np.float32), np.array(np.clip(round(-lowest / scale), 0, 255), np.uint8)
