"""Vectors turned into their principal components."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY
from recsys.text.encoder import TransformerEncoder
from recsys.text.pca import pca, principal_axes

DIM = 32


@pytest.fixture(scope="module")
def encoder(base, corpus):
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    with torch.no_grad():
        encoder.tower.head.bias.copy_(torch.from_numpy(-encoder.encode(corpus.texts).mean(axis=0)))
    return encoder


def interest_of(seed):
    rng = np.random.default_rng(seed)
    query, linear = rng.normal(size=DIM).astype(np.float32), rng.normal(size=(DIM, DIM)).astype(np.float32)
    return replace(InterestModel.zero_shot(DIM, DAY), query=query, map=linear)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), texts=st.integers(1, 40))
def test_at_full_width_lengths_and_scores_stay(encoder, corpus, seed, texts):
    interest = interest_of(seed)
    vectors = encoder.encode(corpus.texts)
    turned_encoder, turned_interest = pca(encoder, interest, vectors[:texts])
    turned = turned_encoder.encode(corpus.texts)
    histories = corpus.histories(np.unique(corpus.user))
    before = interest.user_vectors(histories, vectors, as_of=corpus.end) @ vectors.T
    after = turned_interest.user_vectors(histories, turned, as_of=corpus.end) @ turned.T
    assert np.linalg.norm(turned, axis=1) == pytest.approx(np.ones(len(turned)), abs=1e-5)
    assert np.abs(before - after).max() < 1e-4 * np.abs(before).max()
    assert np.abs(turned - vectors).max() > 0.1


def test_axes_are_orthonormal_and_fall_in_variance(encoder, corpus):
    vectors = encoder.encode(corpus.texts)
    axes = principal_axes(vectors)
    assert axes @ axes.T == pytest.approx(np.eye(DIM), abs=1e-5)
    variance = (vectors @ axes.T).var(axis=0)
    assert (np.diff(variance) < 1e-6).all()
    assert np.array_equal(axes, principal_axes(vectors))


def test_the_first_axis_is_the_longest_side_of_a_slanted_box():
    rng = np.random.default_rng(0)
    slant = np.array([[0.6, 0.8], [-0.8, 0.6]])
    points = (rng.normal(size=(4000, 2)) * (3.0, 1.0)) @ slant + (5.0, 7.0)
    assert principal_axes(points.astype(np.float32)) == pytest.approx(np.array([[0.6, 0.8], [0.8, -0.6]]), abs=0.05)


def test_a_narrow_prefix_of_principal_components_keeps_more_of_the_variance_than_the_first_numbers(encoder, corpus):
    interest, vectors = interest_of(0), encoder.encode(corpus.texts)
    turned = pca(encoder, interest, vectors)[0].encode(corpus.texts)
    kept, first = (part[:, :4].var(axis=0).sum() for part in (turned, vectors))
    assert turned.var(axis=0).sum() == pytest.approx(vectors.var(axis=0).sum(), rel=1e-4)
    assert kept > 2 * first


def test_the_encoder_that_was_turned_stays_and_the_new_one_has_another_digest(encoder, corpus):
    vectors = encoder.encode(corpus.texts)
    turned, _ = pca(encoder, interest_of(0), vectors)
    assert np.array_equal(encoder.encode(corpus.texts), vectors)
    assert turned.digest != encoder.digest
    assert turned.cut(8).digest not in (turned.digest, turned.cut(4).digest)
    assert turned.cut(8).encode(corpus.texts).shape == (len(corpus.texts), 8)
