import numpy as np
import pytest

from recsys.ranking.kernels import age, interval, share, sources


def test_a_share_of_nothing_is_missing() -> None:
    assert share(3, 4) == 0.75
    assert share(0.0, 2.0) == 0
    assert np.isnan([share(1, 0), share(1.0, -2.0), share(1.0, np.nan)]).all()


@pytest.mark.parametrize(("at", "days"), [(0, 10), (90, 1), (130, 0)])
def test_ages_are_days_and_never_below_zero(at: int, days: float) -> None:
    assert age(at, 100, 10) == days


def test_what_never_was_has_no_age() -> None:
    assert np.isnan(age(-1, 100, 10))


def test_an_interval_takes_two_visits() -> None:
    assert interval(0, 60, 4.0, 10) == 2
    assert interval(0, 60, 2.0, 10) == 6
    assert np.isnan(interval(10, 10, 1.0, 10))


def test_beside_the_best_even_what_has_nearly_decayed_is_at_most_one() -> None:
    best = np.array([[[4.0], [1e-39], [1e-44]], [[0.0], [2e-38], [1.0]]], np.float32)
    scores = np.array([[1.0, 1e-39, 0.0], [4.0, 0.0, 1e-44], [0.0, 1e-38, 0.25]], np.float32)
    out = np.empty((9, 3), np.float32)
    sources(np.ascontiguousarray(scores.T), best, np.array([0, 2, 3]), out)
    relative = out[1::3].T
    assert relative.min() == 0
    assert relative.max() == 1
    np.testing.assert_allclose(relative[:, 0], [0.25, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(relative[2, 1:], [0.5, 0.25], rtol=1e-6)
