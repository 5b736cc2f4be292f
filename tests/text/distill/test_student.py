"""What a student starts from."""

import pytest
import torch

from recsys.errors import TrainingError
from recsys.text.distill.student import initial, shallow
from recsys.text.encoder import TransformerEncoder


@pytest.fixture
def tower(base):
    return TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").tower


def test_layers_are_kept_at_even_distances(tower):
    first, last = tower.layers[0].output.dense.weight, tower.layers[2].output.dense.weight
    small = shallow(tower, 2)
    assert torch.equal(small.layers[0].output.dense.weight, first)
    assert torch.equal(small.layers[1].output.dense.weight, last)
    assert len(tower.layers) == 3
    assert torch.equal(shallow(tower, 1).layers[0].output.dense.weight, last)


def test_it_is_shallow_then_narrow(tower, brief):
    small = initial(tower, brief(layers=2, width=16))
    assert (len(small.layers), small.width, small.dim) == (2, 16, 32)
    assert initial(tower, brief(layers=2, width=32)).width == initial(tower, brief(layers=2)).width == 32


def test_more_layers_than_the_teacher_has(tower, brief):
    with pytest.raises(TrainingError, match=r"Expected at most 3 layers, the teacher's, got distill.layers = 4"):
        initial(tower, brief(layers=4))


def test_wider_than_the_teacher(tower, brief):
    with pytest.raises(TrainingError, match=r"at most 32, the teacher's width, got distill.width = 64; lower it"):
        initial(tower, brief(width=64))
