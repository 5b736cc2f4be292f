"""Codes and scales of one product and one table whose values are known."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from recsys.retrieval.onnx import session
from recsys.text.compress.graph import constant, groups
from recsys.text.compress.integers import int8_dynamic, int8_static, int8_tables

TABLE = np.array([[1.0, -0.5], [0.0, 0.0], [100.0, 50.0]], np.float32)
WEIGHT = np.array([[63.0, 0.01], [-31.0, 0.63]], np.float32)


@pytest.fixture
def model():
    """ids (n, t) → rows of a table of three words → a product with a weight."""
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"], name="gather"),
            helper.make_node("MatMul", ["rows", "weight"], ["out"], name="product"),
        ],
        "two steps",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "t"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", "t", 2])],
        [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(WEIGHT, "weight")],
        value_info=[helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", "t", 2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(model, *ids):
    onnx.checker.check_model(model)
    return session(model.SerializeToString()).run(["out"], {"ids": np.array([ids])})[0][0]


def test_each_row_of_a_table_has_its_own_scale(model):
    changed = int8_tables(model)
    assert constant(changed, "table.codes").tolist() == [[127, -64], [0, 0], [127, 64]]
    assert constant(changed, "table.scale").ravel() == pytest.approx([1 / 127, 1e-12 / 127, 100 / 127])
    read = constant(changed, "table.codes") * constant(changed, "table.scale")
    assert run(changed, 0, 1, 2) == pytest.approx(read @ WEIGHT, rel=1e-5)
    assert "table" not in {tensor.name for tensor in changed.graph.initializer}


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_each_output_of_a_product_has_its_own_scale_of_seven_bits(model, kind):
    (group,) = groups(model)
    ranges = {"rows": (-0.5, 100.0)}
    changed = int8_static(model, [group], ranges) if kind == "static" else int8_dynamic(model, [group])
    assert constant(changed, "weight.codes").tolist() == [[63, 1], [-31, 63]]
    assert constant(changed, "weight.scale") == pytest.approx([1, 0.01])
    step = 100.5 / 255
    assert run(changed, 0, 2) == pytest.approx(TABLE[[0, 2]] @ WEIGHT, abs=step / 2 * (63 + 31))


def test_fixed_scales_cut_off_what_calibration_has_not_seen(model):
    (group,) = groups(model)
    changed = int8_static(model, [group], {"rows": (-0.5, 1.0)})
    assert run(changed, 2)[0] == pytest.approx(1 * WEIGHT[0] + 1 * WEIGHT[1], rel=0.02)
    assert run(changed, 0) == pytest.approx(TABLE[[0]] @ WEIGHT, abs=1.5 / 255 / 2 * 94)


def test_what_is_not_chosen_stays(model):
    assert int8_static(model, [], {}).graph.node == model.graph.node
