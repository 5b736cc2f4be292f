"""The bootstrap over users covers where the one over requests does not, and policies meet on the same draws."""

import numpy as np
import pytest
from scipy import stats

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.intervals.bootstrap import Bootstrap, Column, Resampled, drawn_sums
from tests.evaluation.correlated import MEAN, requests, weights


def column(name, value, weight=None):
    value = np.asarray(value, np.float64)
    return Column(name=name, value=value, weight=np.ones(len(value)) if weight is None else np.asarray(weight, float))


def policies(seed, users=300):
    """IPS and SNIPS columns of two policies, each worth .3, and the users of their requests."""
    rng = np.random.default_rng(seed)
    user_idx, click = requests(rng, users)
    a, b = weights(rng, len(click))
    columns = [column("ips a", a * click), column("ips b", b * click)]
    return user_idx, [*columns, column("snips a", a * click, a), column("snips b", b * click, b)]


def test_draws_are_whole_ratios_of_users_drawn_with_replacement():
    user_idx, columns = policies(0, users=20)
    got = Bootstrap.of(user_idx, columns, samples=50, seed=3)
    rng = np.random.default_rng(3)
    rng.multinomial(20, [1.0], 50)  # all users are in one block
    for draw, drawn in zip(got.draws, rng.integers(0, 20, 50 * 20).reshape(50, 20), strict=True):
        rows = np.concatenate([np.flatnonzero(user_idx == user) for user in drawn])
        assert draw == pytest.approx([c.value[rows].sum() / c.weight[rows].sum() for c in columns])
    assert got.point == pytest.approx([c.value.sum() / c.weight.sum() for c in columns])
    assert got.users == (20,) * 4


def test_two_users_by_hand():
    got = Bootstrap.of(np.array([5, 5, 2], np.int32), [column("a", [1, 2, 7])], samples=200)
    # user 5 holds 3 over two requests, user 2 holds 7 over one: twice the one, both, twice the other
    assert set(np.round(got.draws[:, 0], 9)) == {1.5, round(10 / 3, 9), 7.0}
    assert got.value("a").mean == pytest.approx(10 / 3)


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_users_in_blocks_are_drawn_as_if_in_one(monkeypatch, block):
    """Of a multinomial draw: as many as there are, each as often, none oftener with another than chance has it."""
    samples = 20_000
    monkeypatch.setattr("recsys.evaluation.off_policy.intervals.bootstrap._BLOCK", block * samples)
    (times,) = drawn_sums((np.eye(10),), samples=samples, seed=5)
    assert (times.sum(1) == 10).all()
    assert times.mean(0) == pytest.approx(np.ones(10), abs=0.03)
    assert np.cov(times.T) == pytest.approx(np.eye(10) - 0.1, abs=0.04)


def test_differences_are_taken_draw_by_draw():
    user_idx, columns = policies(1)
    got = Bootstrap.of(user_idx, columns)
    a, b = got.value("ips a"), got.value("ips b")
    assert got.difference("ips a", "ips b").draws == pytest.approx(a.draws - b.draws)
    assert got.relative("ips a", "ips b").draws == pytest.approx(a.draws / b.draws - 1)
    assert got.relative("ips a", "ips b").mean == pytest.approx(a.mean / b.mean - 1)
    assert got.difference("ips a", "ips a").interval().low is None  # equal in every draw: nothing to tell


def test_what_raises_every_user_alike_has_a_narrow_difference():
    user_idx, click = requests(np.random.default_rng(2), 300)
    got = Bootstrap.of(user_idx, [column("a", click), column("b", click + 0.01 + 1e-3 * click)])
    apart = got.value("a").interval()
    together = got.difference("b", "a").interval()
    assert together.high - together.low < 0.01 * (apart.high - apart.low)
    assert together.low > 0


def test_200_draws_are_read_at_the_place_that_misses_5_percent():
    # 199 draws of an even law: a share of 5 / 200 lies beyond the fifth from either end
    drawn = Resampled(mean=100.0, draws=np.arange(1.0, 200.0), users=10**9).interval()
    assert (drawn.low, drawn.high) == pytest.approx((5, 195), abs=1e-4)


@pytest.mark.parametrize("users", [8, 50])
def test_a_mean_has_students_interval_and_p_value(users):
    """Draws of the very normal law that a bootstrap of a normal mean would have."""
    values = np.random.default_rng(4).normal(0.4, 1, users)
    spread = values.std() / np.sqrt(users)  # a bootstrap divides by the users, not by one less
    places = np.arange(1, 40_000) / 40_000
    got = Resampled(mean=values.mean(), draws=stats.norm.ppf(places, values.mean(), spread), users=users)
    interval, student = got.interval(), stats.t.interval(0.95, users - 1, values.mean(), stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(student, abs=1e-3)
    assert got.error == pytest.approx(stats.sem(values), rel=1e-3)
    assert got.p_value == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=5e-3)


def test_so_few_users_have_all_of_their_draws():
    got = Bootstrap.of(np.arange(3, dtype=np.int32), [column("a", [1, 2, 6])]).value("a")
    assert (got.interval().low, got.interval().high) == (got.draws.min(), got.draws.max()) == (1, 6)


def test_one_user_or_an_undefined_draw_give_no_interval():
    alone = Bootstrap.of(np.zeros(3, np.int32), [column("a", [1, 0, 1])]).value("a")
    assert (alone.interval().low, alone.interval().n) == (None, 1)
    assert np.isnan(alone.error)
    assert np.isnan(alone.p_value)
    unsure = Bootstrap.of(np.arange(4, dtype=np.int32), [column("a", [1, 0, 0, 0], [1, 0, 0, 0])]).value("a")
    assert unsure.mean == 1.0
    assert unsure.interval().low is None  # some draws hold no weight
    assert np.isnan(unsure.error)


def test_nothing_to_be_relative_to_is_undefined():
    got = Bootstrap.of(np.arange(9, dtype=np.int32), [column("a", np.arange(9)), column("zero", np.zeros(9))])
    assert np.isnan(got.relative("a", "zero").mean)
    assert got.relative("a", "zero").interval().low is None


def test_relative_to_a_loss_is_undefined():
    less = column("less", np.r_[np.full(8, -1.0), -2.0])
    got = Bootstrap.of(np.arange(9, dtype=np.int32), [column("a", np.arange(9)), less]).relative("a", "less")
    assert np.isnan(got.mean)
    assert got.interval().low is None


def test_too_few_draws_for_the_level_are_refused():
    got = Bootstrap.of(np.arange(9, dtype=np.int32), [column("a", np.arange(9))])
    assert got.value("a").interval(0.99).low is not None
    with pytest.raises(ShapeError, match=r"at least 1,999 draws for a 99.9 % interval, got 200; draw more"):
        got.value("a").interval(0.999)


def test_columns_that_do_not_fit_are_refused():
    user_idx = np.arange(3, dtype=np.int32)
    with pytest.raises(ShapeError, match="a value for each of at least one request"):
        Bootstrap.of(user_idx, [column("a", [1, 2])])
    with pytest.raises(ShapeError, match=r"each under its own name, got \[\]"):
        Bootstrap.of(user_idx, [])
    with pytest.raises(ShapeError, match=r"each under its own name, got \['a', 'a'\]"):
        Bootstrap.of(user_idx, [column("a", [1, 2, 3])] * 2)
    with pytest.raises(ShapeError, match="a statistic among a, got 'b'"):
        Bootstrap.of(user_idx, [column("a", [1, 2, 3])]).value("b")


def covered(runs, samples, users):
    """How often intervals hold .3: IPS and SNIPS by user, and SNIPS by request."""
    hits = np.zeros(3)
    for seed in range(runs):
        user_idx, columns = policies(seed, users)
        by_user = Bootstrap.of(user_idx, columns[::2], samples=samples, seed=seed)
        by_request = Bootstrap.of(np.arange(len(user_idx), dtype=np.int32), columns[2:3], samples=samples, seed=seed)
        each = [by_user.value("ips a"), by_user.value("snips a"), by_request.value("snips a")]
        hits += [(found := e.interval()).low <= MEAN <= found.high for e in each]
    return hits / runs


def rejected(runs, samples, users):
    """How often two policies of equal value are told apart: by the interval of difference, of ratio, by p-value."""
    told = np.zeros(3)
    for seed in range(runs):
        user_idx, columns = policies(seed, users)
        got = Bootstrap.of(user_idx, columns[2:], samples=samples, seed=seed)
        difference, relative = got.difference("snips b", "snips a"), got.relative("snips b", "snips a")
        bounds = [difference.interval(), relative.interval()]
        told += [*(b.low > 0 or b.high < 0 for b in bounds), difference.p_value < 0.05]
    return told / runs


def test_users_cover_and_requests_do_not():
    ips, snips, by_request = covered(200, samples=200, users=100)
    assert 0.91 <= ips <= 0.985
    assert 0.91 <= snips <= 0.985
    assert by_request <= 0.85


def test_equal_policies_are_rarely_told_apart():
    assert ((rejected(400, samples=200, users=200) >= 0.02) & (rejected(400, samples=200, users=200) <= 0.09)).all()


@pytest.mark.prove
@pytest.mark.parametrize("users", [50, 300])
def test_users_cover_and_requests_do_not_in_1000_seeds(users):
    ips, snips, by_request = covered(1000, samples=200, users=users)
    print(f"bootstrap, 200 draws, {users} users, ICC .3: IPS {ips:.1%}, SNIPS {snips:.1%}; by request {by_request:.1%}")
    assert 0.925 <= ips <= 0.975
    assert 0.925 <= snips <= 0.975
    assert by_request < 0.85


@pytest.mark.prove
def test_equal_policies_are_told_apart_in_5_percent_of_10000():
    got = rejected(10_000, samples=200, users=100)
    print(f"bootstrap A/A, 200 draws, 100 users: difference {got[0]:.2%}, ratio {got[1]:.2%}, p-value {got[2]:.2%}")
    assert (np.abs(got - 0.05) <= 0.007).all()
