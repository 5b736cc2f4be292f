"""However often one looks, equal arms are told apart in at most 5 % of experiments."""

import numpy as np
import pytest
from scipy import integrate, stats

from recsys.errors import ShapeError
from recsys.evaluation.clusters import error, linearised
from recsys.evaluation.off_policy.intervals.sequence import ConfidenceSequence
from tests.evaluation.correlated import MEAN, totals


def test_radius_is_where_robbins_mixture_reaches_20():
    """e^(λx - λ²t/2), mixed over λ ~ N(0, ρ²), is a martingale that reaches 1 ÷ .05 with probability .05 at most."""
    t, planned = 700, 1000
    rho = np.sqrt((np.log(1 - 2 * np.log(0.05)) - 2 * np.log(0.05)) / planned)
    x = t * ConfidenceSequence(planned=planned).radius(np.array([1 / np.sqrt(t)]), np.array([t]))[0]
    mixed, _ = integrate.quad(
        lambda u: np.exp(u * rho * x - (u * rho) ** 2 * t / 2) * stats.norm.pdf(u), -12, 12, epsabs=1e-10
    )
    assert mixed == pytest.approx(20, rel=1e-6)


def test_it_is_half_again_as_wide_as_one_look_and_narrowest_as_planned():
    users = np.array([250, 500, 1000, 2000, 4000])
    wide = ConfidenceSequence(planned=1000).radius(1 / np.sqrt(users), users) * np.sqrt(users)
    assert wide[2] / stats.norm.ppf(0.975) == pytest.approx(1.55, abs=0.005)
    assert wide.argmin() == 2


def test_looks_see_only_the_users_so_far():
    value, weight = totals(np.random.default_rng(0), 900)
    plan = ConfidenceSequence(planned=900, first=300)
    got = plan.of(value, weight, np.array([100, 300, 900]))
    assert [look.n for look in got] == [100, 300, 900]
    assert (got[0].low, got[0].high) == (None, None)
    for look in got[1:]:
        so_far = value[: look.n], weight[: look.n]
        radius = plan.radius(np.array([error(linearised(*so_far))]), np.array([look.n]))[0]
        mean = so_far[0].sum() / so_far[1].sum()
        assert (look.mean, look.low, look.high) == pytest.approx((mean, mean - radius, mean + radius))


def test_arms_are_told_apart_by_their_own_errors():
    rng = np.random.default_rng(1)
    value, weight = totals(rng, 800)
    treated = rng.random(800) < 0.3
    plan = ConfidenceSequence(planned=800)
    (look,) = plan.between(value, weight, treated, np.array([800]))
    b, a = (linearised(value[arm], weight[arm]) for arm in (treated, ~treated))
    radius = plan.radius(np.array([np.hypot(error(a), error(b))]), np.array([800]))[0]
    assert look.mean == pytest.approx(b.mean() - a.mean())
    assert (look.low, look.high) == pytest.approx((look.mean - radius, look.mean + radius))


def test_an_arm_without_users_or_all_alike_gives_no_interval():
    plan = ConfidenceSequence(planned=10, first=1)
    ones, nobody, somebody = np.ones(6), np.zeros(6, bool), np.arange(6) == 2
    assert plan.between(ones, ones, nobody, np.array([6]))[0].low is None
    assert plan.between(np.arange(6.0), ones, somebody, np.array([6]))[0].low is None
    assert plan.of(ones, ones, np.array([6]))[0].low is None


def test_looks_out_of_order_are_refused():
    plan = ConfidenceSequence(planned=10)
    for looks in ([], [0, 3], [3, 3], [2, 7]):
        with pytest.raises(ShapeError, match="looks that rise from 1 to 6 users at most"):
            plan.of(np.ones(6), np.ones(6), np.array(looks, np.int64))
    with pytest.raises(ShapeError, match="a weight for each of 6 users, got 5"):
        plan.of(np.ones(6), np.ones(5), np.array([6]))


def spent(rng, users):
    """One in ten buys, for a sum of a long tail (log-normal, σ = 1): a few users hold most of it."""
    return np.where(rng.random(users) < 0.1, rng.lognormal(0, 1, users), 0.0), np.ones(users)


def misled(runs, world, truth, users=10_000, first=200):
    """How often any of 100 looks tells what is not so: of a mean, of equal arms; and a test made for one look."""
    looks = np.linspace(first, users, 100).astype(np.int64)
    plan = ConfidenceSequence(planned=users, first=first)
    once = plan.radius(np.ones(100), looks) / stats.norm.ppf(0.975)
    told = np.zeros(3)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        value, weight = world(rng, users)
        mean = plan.of(value, weight, looks)
        between = plan.between(value, weight, rng.random(users) < 0.5, looks)
        naive = [abs(look.mean) > (look.high - look.mean) / wide for look, wide in zip(between, once, strict=True)]
        told += [
            any(not look.low <= truth <= look.high for look in mean),
            any(not look.low <= 0 <= look.high for look in between),
            any(naive),
        ]
    return told / runs


def test_equal_arms_are_rarely_told_apart_at_100_looks():
    mean, between, naive = misled(200, totals, MEAN, users=5_000)
    assert max(mean, between) <= 0.05
    assert naive >= 0.15


def test_a_large_effect_is_found_early():
    rng = np.random.default_rng(3)
    value, weight = totals(rng, 5_000)
    treated = rng.random(5_000) < 0.5
    looks = np.arange(200, 5_001, 200)
    got = ConfidenceSequence(planned=5_000).between(value + 0.1 * weight * treated, weight, treated, looks)
    assert next(look.n for look in got if look.low > 0) <= 1_000
    assert got[-1].low <= 0.1 <= got[-1].high


@pytest.mark.prove
@pytest.mark.parametrize(("world", "truth"), [(totals, MEAN), (spent, 0.1 * np.exp(0.5))], ids=["clicks", "spending"])
def test_equal_arms_are_told_apart_in_at_most_5_percent_of_5000(world, truth):
    mean, between, naive = misled(5_000, world, truth)
    print(
        f"sequence, 100 looks at 200 to 10,000 users, {world.__name__}: misses the mean in {mean:.2%}, tells equal "
        f"arms apart in {between:.2%}; a test made for one look in {naive:.1%}"
    )
    assert max(mean, between) <= 0.05
    assert naive >= 0.25
