"""Axes along which the items of a user agree."""

import numpy as np
import pytest

from recsys.text.agreement import agreement_axes


@pytest.fixture
def taken():
    """Two hundred users of three items each, alike in the third number and opposite in the first; one buys twice."""
    rng = np.random.default_rng(0)
    vectors, user, text = [], [], []
    for u in range(200):
        taste, quarrel = rng.normal(size=2)
        for sign in (1, -1, 0):
            text.append(len(vectors))
            user.append(u)
            vectors.append([sign * quarrel, *rng.normal(size=1), taste, *rng.normal(size=1)])
    user.append(0)
    text.append(0)
    return np.array(vectors, np.float32), np.array(user), np.array(text)


def test_the_first_axis_is_what_users_agree_in_and_the_last_what_they_differ_in(taken):
    axes = agreement_axes(*taken)
    assert abs(axes[0, 2]) > 0.98
    assert abs(axes[-1, 0]) > 0.98


def test_axes_are_sorted_by_the_agreement_of_pairs_one_by_one(taken):
    vectors, user, text = taken
    axes = agreement_axes(*taken)
    own = [sorted(set(text[user == u])) for u in range(200)]
    mean = np.mean([vectors[i] for items in own for i in items], axis=0)
    agreement = sum(
        np.outer(vectors[i] - mean, vectors[j] - mean) / (len(items) - 1)
        for items in own
        for i in items
        for j in items
        if i != j
    )
    turned = axes @ agreement @ axes.T
    assert np.abs(turned - np.diag(np.diag(turned))).max() < 1e-3
    assert (np.diff(np.diag(turned)) < 0).all()


def test_dot_products_stay_and_an_axis_points_the_way_of_its_largest_number(taken):
    axes = agreement_axes(*taken)
    assert np.allclose(axes @ axes.T, np.eye(4), atol=1e-6)
    assert (axes[np.arange(4), np.abs(axes).argmax(axis=1)] > 0).all()


def test_users_of_one_item_tell_nothing(taken):
    vectors, user, text = taken
    alone, at = np.arange(200, 230), np.arange(30)
    more = agreement_axes(vectors, np.concatenate([user, alone]), np.concatenate([text, at]))
    assert np.allclose(more, agreement_axes(*taken), atol=1e-6)
    assert (agreement_axes(vectors, alone, at) == np.eye(4)).all()
    assert (agreement_axes(vectors, alone[:0], at[:0]) == np.eye(4)).all()
