"""Centring and whitening of the states training starts from."""

import numpy as np
import pytest

from recsys.text.whitening import centring, untrained, whitening


@pytest.fixture
def states():
    """Texts that differ along six directions, the first the most, and all share a part."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    return ((rng.normal(size=(4000, 6)) * [9, 4, 2, 1, 0.5, 0.25]) @ turn + 30).astype(np.float32)


def moved(states, start):
    projection, bias = start
    return states @ projection.T + bias


def test_centring_takes_the_mean_and_nothing_else(states):
    projection, bias = centring(states)
    assert (projection == np.eye(6)).all()
    assert np.abs(moved(states, (projection, bias)).mean(axis=0)).max() < 1e-4


def test_whitening_spreads_evenly_and_keeps_the_whole(states):
    out = moved(states, whitening(states))
    variance = np.linalg.eigvalsh(np.cov(out.T))
    before = np.cov(states.T)
    assert np.abs(out.mean(axis=0)).max() < 1e-3
    assert np.isclose(variance.sum(), np.trace(before), rtol=1e-3)
    assert variance.max() / variance.min() < 1.6 < 1000 < np.linalg.cond(before)


def test_whitening_is_the_inverse_root_of_the_covariance_and_what_is_unknown_of_it(states):
    covariance = np.cov(states.T, bias=True)
    ridge = 6 / 4000 * np.trace(covariance) / 6
    projection, _ = whitening(states)
    square = np.linalg.inv(projection.astype(np.float64) @ projection.T)  # ∝ Σ + ridge
    expected = covariance + ridge * np.eye(6)
    assert np.allclose(square / np.trace(square), expected / np.trace(expected), atol=1e-5)
    assert np.allclose(projection, projection.T)


def test_few_texts_change_little(states):
    few, many = whitening(states[:3])[0], whitening(states)[0]
    assert np.linalg.cond(few) < 2.5 < 20 < np.linalg.cond(many)


def test_states_that_are_all_one_are_centred():
    same = np.full((5, 3), 2.0, np.float32)
    projection, bias = whitening(same)
    assert (projection == np.eye(3)).all()
    assert (bias == -2).all()


@pytest.mark.parametrize("whiten", [True, False])
def test_only_known_rows_are_looked_at(states, whiten):
    known = np.arange(len(states)) < 3000
    other = states.copy()
    other[3000:] += 5
    a, b = untrained(states, known, whiten=whiten), untrained(other, known, whiten=whiten)
    assert (a[:3000] == b[:3000]).all()
    assert np.abs(np.linalg.norm(a, axis=1) - 1).max() < 1e-5
    assert np.abs(a[known].mean(axis=0)).max() < 0.1
