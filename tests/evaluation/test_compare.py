"""Intervals cover what they claim to, pairs are pairs, and doubtful input is refused."""

import numpy as np
import polars as pl
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.compare import Difference, Estimate, compare, differences, estimate, estimates, ratio


def frame(values, users=None, metric="ndcg@10"):
    users = range(len(values)) if users is None else users
    return pl.DataFrame({"user_idx": users, metric: values}, schema={"user_idx": pl.Int32, metric: pl.Float64})


def nested_loops(values, samples, seed):
    """The percentile bootstrap of a mean, resample by resample."""
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(samples)]
    return np.quantile(means, [0.025, 0.975])


def test_interval_is_the_percentile_bootstrap():
    values = np.random.default_rng(3).beta(0.5, 2, 80)
    got = estimate(frame(values), "ndcg@10", samples=500, seed=7)
    assert got.mean == pytest.approx(values.mean())
    assert got.n == 80
    assert [got.low, got.high] == pytest.approx(nested_loops(values, 500, 7))


def test_blocks_do_not_change_the_draws(monkeypatch):
    values = np.random.default_rng(3).beta(0.5, 2, 80)
    whole = estimate(frame(values), "ndcg@10", samples=101)
    monkeypatch.setattr("recsys.evaluation.compare._BLOCK", 80 * 7)
    part = estimate(frame(values), "ndcg@10", samples=101)
    assert (part.low, part.high) == pytest.approx((whole.low, whole.high), abs=1e-12)


def test_same_seed_same_interval_other_seed_another():
    values = frame(np.random.default_rng(0).random(50))
    assert estimate(values, "ndcg@10", seed=1) == estimate(values, "ndcg@10", seed=1)
    assert estimate(values, "ndcg@10", seed=1) != estimate(values, "ndcg@10", seed=2)


def test_many_metrics_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    both = frame(rng.random(30)).with_columns(pl.Series("recall@20", rng.random(30)))
    together = estimates(both, samples=200, seed=5)
    assert list(together) == ["ndcg@10", "recall@20"]
    for metric, got in together.items():
        alone = estimate(both, metric, samples=200, seed=5)
        assert (got.mean, got.low, got.high) == pytest.approx((alone.mean, alone.low, alone.high))


def test_difference_pairs_users_whatever_their_order():
    rng = np.random.default_rng(1)
    hard = rng.random(200)
    a, b = frame(hard + 0.01 + rng.normal(0, 0.001, 200)), frame(hard)
    got = compare(a.sample(fraction=1.0, shuffle=True, seed=0), b, "ndcg@10")
    assert got.mean == pytest.approx((a["ndcg@10"] - b["ndcg@10"]).mean())
    assert got.sign == 1
    assert got.high - got.low < 0.001  # unpaired, the users' spread would make it some 0.1
    back = compare(b, a, "ndcg@10")
    assert (back.mean, back.low, back.high) == pytest.approx((-got.mean, -got.high, -got.low))
    assert back.sign == -1


def test_differences_take_the_metrics_both_have():
    a = frame([0.1, 0.2]).with_columns(pl.lit(1.0).alias("only a"))
    assert list(differences(a, frame([0.0, 0.4]), samples=100, seed=0)) == ["ndcg@10"]


def test_nulls_are_left_out_of_mean_and_pairs():
    a, b = frame([0.2, None, 0.6, 0.4]), frame([0.1, 0.5, None, 0.1])
    got = estimate(a, "ndcg@10")
    assert got.mean == pytest.approx((0.2 + 0.6 + 0.4) / 3)
    assert got.n == 3
    pairs = compare(a, b, "ndcg@10")
    assert pairs.mean == pytest.approx((0.1 + 0.3) / 2)
    assert pairs.n == 2


def test_interval_of_a_metric_with_nulls_lies_about_its_mean():
    values = np.random.default_rng(4).random(400) + 1
    got = estimate(frame([v if i % 2 else None for i, v in enumerate(values)]), "ndcg@10")
    assert 1.4 < got.low < got.mean < got.high < 1.6


def test_one_user_or_all_alike_give_no_interval():
    assert estimate(frame([0.3]), "ndcg@10") == Estimate(mean=0.3, low=None, high=None, n=1)
    alike = compare(frame([0.5] * 9), frame([0.5] * 9), "ndcg@10")
    assert alike == Difference(mean=0.0, low=None, high=None, n=9, differing=0)
    assert alike.sign == 0


def test_sign_needs_the_whole_interval():
    def sign(low, high):
        return Difference(mean=(low + high) / 2, low=low, high=high, n=9, differing=9).sign

    assert [sign(0.1, 0.2), sign(-0.1, 0.2), sign(-0.2, -0.1), sign(0.0, 0.1)] == [1, 0, -1, 0]


def test_ratio_recomputes_both_means():
    rng = np.random.default_rng(2)
    hard = rng.random(300)
    got = ratio(frame(0.9 * hard), frame(hard), "ndcg@10")
    assert got.mean == pytest.approx(0.9)
    assert got.low is None  # every resample gives exactly 0.9
    noisy = ratio(frame(0.9 * hard + rng.normal(0, 0.05, 300)), frame(hard), "ndcg@10")
    assert 0.87 < noisy.low < 0.9 < noisy.high < 0.93


def test_ratio_to_nothing_is_none():
    assert ratio(frame([0.1, 0.2]), frame([0.0, 0.0]), "ndcg@10") is None


def test_other_users_are_refused():
    with pytest.raises(ShapeError, match="same users, once each, got 3 and 2 rows with 1 users in common; judge both"):
        compare(frame([0.1, 0.2, 0.3]), frame([0.1, 0.2], users=[2, 7]), "ndcg@10")


def test_a_user_twice_is_refused():
    twice = frame([0.1, 0.2], users=[4, 4])
    with pytest.raises(ShapeError, match="once each"):
        compare(twice, twice, "ndcg@10")


def test_unknown_metric_is_refused():
    with pytest.raises(ShapeError, match="Expected a metric among ndcg@10, got 'recall@20'"):
        estimate(frame([0.1]), "recall@20")


def test_nobody_is_refused():
    with pytest.raises(ShapeError, match="Expected at least one user with a ndcg@10, got none"):
        estimate(frame([]), "ndcg@10")


def covered(n, simulations, samples):
    """How often the interval of a mean of skewed values, 60 % of them 0, holds the true mean .4 · 1/4."""
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(simulations):
        values = np.where(rng.random(n) < 0.4, rng.beta(1, 3, n), 0.0)
        got = estimate(frame(values), "ndcg@10", samples=samples, seed=seed)
        hits += got.low <= 0.4 / 4 <= got.high
    return hits / simulations


def test_95_percent_interval_covers_about_95_percent():
    assert 0.91 <= covered(n=200, simulations=400, samples=300) <= 0.975


@pytest.mark.slow
def test_95_percent_interval_covers_95_percent():
    assert 0.935 <= covered(n=300, simulations=2000, samples=600) <= 0.96


def test_equal_methods_are_rarely_told_apart():
    rng = np.random.default_rng(5)
    told = 0
    for seed in range(400):
        hard = rng.random(150)
        a, b = (frame(hard + rng.normal(0, 0.1, 150)) for _ in range(2))
        told += compare(a, b, "ndcg@10", samples=300, seed=seed).sign != 0
    assert 0.02 <= told / 400 <= 0.09
