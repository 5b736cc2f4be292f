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


def test_states_that_are_not_kept_give_the_same_vectors_and_gradients(encoder, corpus, tmp_path):
    tokens, rows = encoder.tokens(corpus.texts), np.array([1, 4, 5, 17])
    found = []
    for states in (
        FrozenStates.of(encoder.tower, tokens, layers=2, path=tmp_path / "all.npy"),
        FrozenStates.of(encoder.tower, tokens, layers=2, path=tmp_path / "some.npy", rows=rows),
        FrozenStates(tokens=tokens, layers=2),
    ):
        pooled = states.pooled(encoder.tower, rows)
        weight = encoder.tower.layers[2].output.dense.weight
        (gradient,) = torch.autograd.grad(pooled[:, 0].sum(), weight)
        found.append((pooled.detach(), gradient))
    for pooled, gradient in found[1:]:
        assert torch.allclose(pooled, found[0][0], atol=1e-6)
        assert torch.allclose(gradient, found[0][1], atol=1e-5)


def test_a_file_takes_no_room_for_rows_of_others(encoder, corpus, tmp_path):
    tokens = encoder.tokens(corpus.texts * 50)
    path = tmp_path / "s.npy"
    FrozenStates.of(encoder.tower, tokens, layers=1, path=path, rows=np.arange(3))
    assert path.stat().st_size > len(tokens.ids) * encoder.tower.dim * 4
    assert path.stat().st_blocks * 512 < path.stat().st_size / 10


def test_no_rows_are_no_vectors(encoder, corpus):
    states = FrozenStates(tokens=encoder.tokens(corpus.texts), layers=1)
    assert states.pooled(encoder.tower, np.zeros(0, np.int64)).shape == (0, encoder.dim)
