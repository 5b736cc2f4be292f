"""Ranges of the states inside a graph, on texts of the shop."""

from collections.abc import Sequence

import onnx
from onnx.helper import make_tensor_value_info

from recsys.errors import ExportError
from recsys.retrieval.onnx import OnnxEncoder, session
from recsys.text.compress.graph import Group


def ranges(
    model: onnx.ModelProto, chosen: Sequence[Group], encoder: OnnxEncoder, texts: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each group's states; each text is read alone, so that no padding counts.

    Args:
        model: fp32.
        chosen: some of its groups.
        encoder: whose tokenizer reads.
        texts: known before encoder_end.

    Raises:
        ExportError: no texts.
    """
    if not texts:
        raise ExportError(
            "Expected at least 1 text to calibrate int8-static on, got none; bring items with text, or set "
            "compress.precision to int8-dynamic, which needs none."
        )
    names = [group.states for group in chosen]
    if not names:  # the runtime would take none for all
        return {}
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.output.extend(make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    running = session(open_model.SerializeToString())
    found = dict.fromkeys(names, (0.0, 0.0))
    for text in texts:
        states = running.run(names, encoder.inputs([text]))
        for name, values in zip(names, states, strict=True):
            low, high = found[name]
            found[name] = (min(low, float(values.min())), max(high, float(values.max())))
    return found
