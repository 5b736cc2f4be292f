"""What quantisation needs to know of an ONNX graph, and how it changes one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from recsys.errors import ExportError

Constant: TypeAlias = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Matrix products of the same token states with different weights, such as query, key and value.

    Attributes:
        states: the tensor that they read, (N, T, W).
        nodes: names of the products.
    """

    states: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What stands in a node's place.

    Attributes:
        nodes: in order.
        constants: name → value, read by them.
    """

    nodes: Sequence[onnx.NodeProto]
    constants: Mapping[str, Constant] = field(default_factory=dict)


def groups(model: onnx.ModelProto) -> tuple[Group, ...]:
    """Products of token states (N, T, W) with weights, in the order of the graph.

    The head's product is not one of them: it has one row a text, and ONNX Runtime joins it with its bias beforehand.
    """
    weights = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    rank = {value.name: len(value.type.tensor_type.shape.dim) for value in model.graph.value_info}
    found: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights and rank.get(node.input[0]) == 3:
            found.setdefault(node.input[0], []).append(node.name)
    return tuple(Group(states=states, nodes=tuple(nodes)) for states, nodes in found.items())


def lookups(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that look rows up in tables of embeddings."""
    tables = {t.name for t in model.graph.initializer if len(t.dims) == 2 and t.data_type == onnx.TensorProto.FLOAT}
    return [node for node in model.graph.node if node.op_type == "Gather" and node.input[0] in tables]


def vocabulary(model: onnx.ModelProto) -> int:
    """Rows of the table that token ids are looked up in.

    Raises:
        ExportError: there is none.
    """
    rows = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if tensor.dims}
    found = [rows[node.input[0]] for node in lookups(model) if node.input[1] == "ids"]
    if not found:
        raise ExportError(
            "Expected an encoder that looks its token ids up in a table of embeddings, found none in its graph; choose "
            "another base."
        )
    return int(min(found))


def constant(model: onnx.ModelProto, name: str) -> Constant:
    """The value of a constant of the graph."""
    return numpy_helper.to_array(next(tensor for tensor in model.graph.initializer if tensor.name == name))


def edited(model: onnx.ModelProto, edits: Mapping[str, Edit]) -> onnx.ModelProto:
    """A copy with nodes replaced, by name, and without the constants that nothing reads any more."""
    nodes = [new for old in model.graph.node for new in (edits[old.name].nodes if old.name in edits else (old,))]
    read = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in read]
    added = {name: value for edit in edits.values() for name, value in edit.constants.items()}
    graph = onnx.helper.make_graph(
        nodes,
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [*kept, *(numpy_helper.from_array(value, name) for name, value in added.items())],
        value_info=model.graph.value_info,
    )
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
