"""What learns reads as the encoder does."""

import numpy as np
import pytest

from recsys.text.distill.pupil import TransformerPupil
from recsys.text.encoder import TransformerEncoder


@pytest.fixture
def encoder(base):
    return TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")


@pytest.mark.parametrize("layers", [0, 2])
def test_vectors_are_the_encoders(encoder, corpus, tmp_path, layers):
    pupil = TransformerPupil.of(encoder.tower, encoder.tokens(corpus.texts), layers=layers, path=tmp_path / "s.npy")
    texts = np.array([1, 2, 7])
    reading = pupil.read(texts)
    assert reading.vectors.detach().numpy() == pytest.approx(encoder.encode([corpus.texts[t] for t in texts]), abs=1e-5)
    tokens = int(pupil.frozen.tokens.lengths[texts].sum())
    assert [tuple(states.shape) for states in reading.states] == [(tokens, 32)] * (3 - layers)


def test_only_what_is_not_frozen_learns(encoder, corpus, tmp_path):
    pupil = TransformerPupil.of(encoder.tower, encoder.tokens(corpus.texts), layers=2, path=tmp_path / "s.npy")
    for parameter in pupil.parameters:
        parameter.requires_grad_(True)
    pupil.read(np.array([0, 1])).vectors[:, 0].sum().backward()
    learning = {id(parameter) for parameter in pupil.parameters}
    assert all((p.grad is not None) == (id(p) in learning) for p in encoder.tower.parameters())
    assert len(learning) == len(list(encoder.tower.layers[2].parameters())) + 2
