"""An ONNX graph in fp16, for GPUs; a CPU computes it in fp32."""

import onnx
from onnx.helper import make_node

from recsys.text.compress.graph import Edit, edited

_NORM = ("ReduceL2", "Clip", "Expand", "Div")
"""Operators of the vectors' length: rounded to fp16, it would be off by as much as 1 in 2,000."""


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in fp16 whose vectors are still of length 1; inputs and outputs are those of the fp32 graph."""
    # recsys.retrieval.onnx comes first: the runtime's import alone would call home
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    blocked = [*DEFAULT_OP_BLOCK_LIST, *_NORM]
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    halved = _without_round_trips(convert_float_to_float16(halved, keep_io_types=True, op_block_list=blocked))
    ordered = OnnxModel(halved)
    ordered.topological_sort()
    return halved


def _without_round_trips(model: onnx.ModelProto) -> onnx.ModelProto:
    """The converter casts what it keeps in fp32 to fp16 and back between any two operators."""
    down, up = (_casts(model, to) for to in (onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT))
    source = {node.output[0]: node.input[0] for node in down}
    trips = [node for node in up if node.input[0] in source]
    return edited(
        model,
        {
            node.name: Edit(nodes=[make_node("Identity", [source[node.input[0]]], node.output, name=node.name)])
            for node in trips
        },
    )


def _casts(model: onnx.ModelProto, to: int) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Cast" and node.attribute[0].i == to]
