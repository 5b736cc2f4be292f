"""Ranges of states."""

import onnx
import pytest
import torch

from recsys.retrieval.onnx import OnnxEncoder
from recsys.text.compress.calibration import ranges
from recsys.text.compress.graph import groups

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured(exported):
    directory = exported[1]
    model, encoder = onnx.load(directory / "model.onnx"), OnnxEncoder.load(directory)
    every = groups(model)

    def measure(*texts):
        found = ranges(model, every, encoder, texts)
        return [found[group.states] for group in every]

    return measure


def test_they_are_those_of_torchs_states(exported, measured):
    encoder = exported[0]
    tokens = encoder.tokens(["garden seed"])
    with torch.no_grad():
        states = [encoder.tower.lower(*tokens.padded([0]), layers=n) for n in range(3)]
    expected = [(min(0.0, float(s.min())), max(0.0, float(s.max()))) for s in states]
    assert [measured("garden seed")[4 * n] for n in range(3)] == [pytest.approx(e, abs=1e-4) for e in expected]


def test_a_text_adds_its_own_range_and_no_padding(measured):
    short, long = measured("oven"), measured("garden " * 20)
    union = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(short, long, strict=True)]
    assert measured("oven", "garden " * 20) == union
