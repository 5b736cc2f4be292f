"""The sign-flip test counts every way for few users, and is never too sure for many."""

import numpy as np
import pytest
from scipy import stats

from recsys.errors import ShapeError
from recsys.evaluation.permutation import sign_flip


def p_of(*differences):
    return float(sign_flip(np.array(differences, np.float64)[:, None])[0])


def test_three_users_by_hand():
    assert p_of(1, 2, 3) == 2 / 8  # only +++ and --- reach 6
    assert p_of(1, 1, -1) == 1  # every way reaches 1
    assert p_of(4, 1, -1) == 6 / 8  # ±4 ±1 ±1 reaches 4 in 2 + 4 ways


def test_users_who_do_not_differ_do_not_count():
    assert p_of(1, 2, 3, 0, 0, np.nan) == 2 / 8
    assert p_of(0, 0) == 1
    assert sign_flip(np.empty((0, 2))).tolist() == [1, 1]


def test_rounding_does_not_break_ties():
    assert p_of(0.1, 0.2, -0.3, 0.6) == p_of(1, 2, -3, 6)
    assert p_of(*[0.1] * 6, *[-0.1] * 4) == p_of(*[1] * 6, *[-1] * 4)


@pytest.mark.parametrize("n", [4, 10, 15])
def test_every_way_is_what_scipy_goes_through(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    scipys = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True)
    assert p_of(*d) == pytest.approx(scipys.pvalue)


def test_drawn_ways_tell_what_all_would():
    d = np.random.default_rng(2).normal(0.4, 1, 16)
    ways = 2.0 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1) - 1
    exact = (np.abs(ways @ d) >= abs(d.sum()) - 1e-9).mean()
    assert 0.02 < exact < 0.5
    drawn = sign_flip(d[:, None], samples=20_000)[0]
    assert abs(drawn - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)


def test_drawn_p_is_never_zero():
    assert sign_flip(np.ones((60, 1)), samples=999)[0] == 1 / 1000


def test_metrics_meet_equal_flips_and_blocks_change_nothing(monkeypatch):
    d = np.random.default_rng(2).normal(0.2, 1, (50, 2))
    both = sign_flip(d, samples=500, seed=4)
    assert both[1] == sign_flip(d[:, 1:], samples=500, seed=4)[0]
    assert both.tolist() != sign_flip(d, samples=500, seed=5).tolist()
    monkeypatch.setattr("recsys.evaluation.permutation._BLOCK", 50 * 8)
    assert sign_flip(d, samples=500, seed=4).tolist() == both.tolist()


def test_a_row_alone_is_refused():
    with pytest.raises(ShapeError, match="users × metrics, got 1 dimensions"):
        sign_flip(np.ones(3))


def rejected(runs, users, samples):
    """How often two equal methods are told apart at .05, by differences with a long tail on both sides."""
    rng = np.random.default_rng(7)
    return np.mean(
        [sign_flip(rng.standard_t(2, (users, 1)), samples=samples, seed=seed)[0] <= 0.05 for seed in range(runs)]
    )


def test_equal_methods_are_rarely_told_apart():
    assert 0.02 <= rejected(400, users=30, samples=199) <= 0.09
    assert 0.02 <= rejected(400, users=12, samples=1) <= 0.09


@pytest.mark.prove
def test_equal_methods_are_told_apart_in_5_percent_of_10000():
    drawn, exact = rejected(10_000, users=100, samples=999), rejected(10_000, users=12, samples=1)
    print(f"sign flips, A/A: 100 users, 999 ways {drawn:.2%}; 12 users, every way {exact:.2%}")
    assert abs(drawn - 0.05) <= 0.007
    assert abs(exact - 0.05) <= 0.007
