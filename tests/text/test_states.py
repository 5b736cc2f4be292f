"""Cached lower layers."""

import numpy as np
import pytest
import torch

from recsys.text.encoder import TransformerEncoder
from recsys.text.states import FrozenStates


@pytest.fixture
def encoder(base):
    return TransformerEncoder.of_base(base, max_tokens=24, pooling="mean")


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_cached_states_give_the_same_vectors(encoder, corpus, tmp_path, layers):
    states = FrozenStates.of(encoder.tower, encoder.tokens(corpus.texts), layers=layers, path=tmp_path / "s.npy")
    rows = np.array([1, 4, 5, 17])
    with torch.no_grad():
        vectors = encoder.tower.head.project(states.pooled(encoder.tower, rows)).numpy()
    assert vectors == pytest.approx(encoder.encode([corpus.texts[i] for i in rows]), abs=1e-5)


def test_encoding_once_and_gathering_has_the_gradient_of_encoding_each_time(encoder, corpus, tmp_path):
    """GRAM (arXiv 2204.04179): texts that occur several times need to be encoded only once."""
    states = FrozenStates.of(encoder.tower, encoder.tokens(corpus.texts), layers=2, path=tmp_path / "s.npy")
    places = np.array([0, 2, 0, 1, 2, 2])
    weights = torch.randn(6, 32, generator=torch.Generator().manual_seed(0))
    weight = encoder.tower.layers[2].output.dense.weight
    distinct = states.pooled(encoder.tower, np.array([3, 8, 9]))[torch.from_numpy(places)]
    (once,) = torch.autograd.grad((distinct * weights).sum(), weight)
    each = torch.cat([states.pooled(encoder.tower, np.array([[3, 8, 9][p]])) for p in places])
    (naive,) = torch.autograd.grad((each * weights).sum(), weight)
    assert torch.allclose(once, naive, atol=1e-4)
