"""What quantisation finds in an exported graph."""

import onnx
import pytest

from recsys.text.compress.graph import groups, lookups, vocabulary

pytestmark = pytest.mark.slow


def test_products_that_read_the_same_states_are_one_group_and_the_heads_is_none(exported):
    found = groups(onnx.load(exported[1] / "model.onnx"))
    # query, key and value; what follows attention; up; down
    assert [len(group.nodes) for group in found] == [3, 1, 1, 1] * 3
    assert len({node for group in found for node in group.nodes}) == 6 * 3
    assert len({group.states for group in found}) == 12


def test_tables_of_words_positions_and_types(exported):
    encoder, directory = exported
    model = onnx.load(directory / "model.onnx")
    assert len(lookups(model)) == 3
    assert vocabulary(model) == encoder.tokenizer.get_vocab_size()
