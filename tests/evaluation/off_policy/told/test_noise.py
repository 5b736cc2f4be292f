"""Numbers that belong to a request."""

import numpy as np

from recsys.evaluation.off_policy.told.noise import uniforms


def test_a_request_has_its_numbers_whoever_else_is_asked():
    all_ = uniforms(5, np.arange(10), 4)
    assert uniforms(5, np.array([7, 2]), 4).tolist() == all_[[7, 2]].tolist()
    assert uniforms(5, np.array([7]), 2).tolist() == all_[[7], :2].tolist()
    assert len(np.unique(all_)) == 40
    assert not np.isin(uniforms(6, np.arange(10), 4), all_).any()
    assert not np.isin(uniforms(-1, np.arange(10), 4), all_).any()


def test_they_are_uniform_and_tell_nothing_of_their_neighbours():
    """100,000 numbers: shares of twenty equal parts, and correlations, within four standard errors."""
    numbers = uniforms(0, np.arange(10_000), 10)
    assert (numbers >= 0).all()
    assert (numbers < 1).all()
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert np.abs(counts - 5000).max() < 4 * (100_000 * 0.05 * 0.95) ** 0.5
    for one, other in ((numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / one.size**0.5
