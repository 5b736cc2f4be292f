"""The bound is the formula, and it holds where a bootstrap cannot know what it has not seen."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.intervals.bernstein import Span, at_looks, per_request, per_user
from recsys.evaluation.off_policy.intervals.bootstrap import Bootstrap, Column
from recsys.evaluation.off_policy.intervals.sequence import ConfidenceSequence
from tests.evaluation.correlated import MEAN, totals


def test_bound_by_hand():
    got = per_user(np.repeat([0.0, 4.0], 500), Span(most=4))
    variance, log = 4.0 * 1000 / 999, np.log(80)
    radius = np.sqrt(2 * variance * log / 1000) + 7 * 4 * log / (3 * 999)
    assert (got.mean, got.low, got.high) == pytest.approx((2, 2 - radius, 2 + radius))


def test_bounds_stay_where_the_mean_must_be():
    got = per_user(np.array([0.0, 1.0]), Span(most=1))
    assert (got.low, got.high) == (0, 1)
    below = per_user(np.array([0.0, -1.0]), Span(most=1, least=-2))
    assert (below.low, below.high) == (-2, 1)


def test_one_request_each_is_the_bound_of_the_mean():
    values = np.random.default_rng(0).random(300)
    mean, ratio = per_user(values, Span(most=2)), per_request(values, np.ones(300), Span(most=2))
    assert (ratio.mean, ratio.low, ratio.high) == pytest.approx((mean.mean, mean.low, mean.high))


@pytest.mark.parametrize("shift", [0.0, -2.0])
def test_bounds_of_a_ratio_hold_what_no_bound_excludes(shift):
    clicks, seen = totals(np.random.default_rng(1), 3000)
    clicks += shift * seen
    span = Span(most=40, least=-80, requests=40)
    got = per_request(clicks, seen, span)
    held = []
    for theta in np.linspace(-5, 5, 4001):
        x = clicks - theta * seen
        width = 120 + abs(theta) * 39
        radius = np.sqrt(2 * x.var(ddof=1) * np.log(80) / 3000) + 7 * width * np.log(80) / (3 * 2999)
        held += [theta] if abs(x.mean()) <= radius else []
    assert (got.low, got.high) == pytest.approx((min(held), max(held)), abs=0.003)
    assert got.mean == pytest.approx(clicks.sum() / seen.sum())


def test_a_request_may_be_worth_less_than_the_least_total():
    got = per_request(np.ones(5000), np.full(5000, 4.0), Span(most=1, least=1, requests=4))
    assert got.mean == 0.25
    assert 0 < got.low < 0.25 < got.high < 1


def test_a_total_beyond_what_was_stated_is_refused():
    with pytest.raises(ShapeError, match=r"every user's total between 0 and 1 as stated, got 0 to 1\.5; state a span"):
        per_user(np.array([0.0, 1.5]), Span(most=1))
    with pytest.raises(ShapeError, match="every user's number of requests between 1 and 3 as stated, got 1 to 4"):
        per_request(np.zeros(2), np.array([1.0, 4.0]), Span(most=1, requests=3))
    with pytest.raises(ShapeError, match="every user's total between 0 and 1 as stated, got nan to nan"):
        per_user(np.array([0.0, np.nan]), Span(most=1))


def test_one_user_is_refused():
    with pytest.raises(ShapeError, match="at least two users to bound a mean, got 1"):
        per_user(np.ones(1), Span(most=1))


def test_sequence_is_the_formula_user_by_user():
    totals_ = np.random.default_rng(2).beta(0.3, 1, 900) * 5 - 1
    got = at_looks(totals_, Span(most=4, least=-1), np.array([1, 7, 900]))
    x, log = (totals_ + 1) / 5, np.log(40)
    staked = won = cost = squares = 0.0
    for i in range(1, 901):
        mean = (0.5 + x[: i - 1].sum()) / i
        spread = (0.25 + squares) / i
        bet = min(0.5, np.sqrt(2 * log / (spread * i * np.log(1 + i))))
        staked, won = staked + bet, won + bet * x[i - 1]
        cost += 4 * (x[i - 1] - mean) ** 2 * (-np.log(1 - bet) - bet) / 4
        squares += (x[i - 1] - (0.5 + x[:i].sum()) / (i + 1)) ** 2
        if i in (1, 7, 900):
            look = got.pop(0)
            centre, radius = won / staked, (log + cost) / staked
            expected = (5 * centre - 1, 5 * max(0, centre - radius) - 1, 5 * min(1, centre + radius) - 1)
            assert (look.mean, look.low, look.high) == pytest.approx(expected)
            assert look.n == i
    assert got == []
    assert bet < 0.5  # the last bets go by the variance


def test_sequence_refuses_a_total_beyond_what_was_stated():
    with pytest.raises(ShapeError, match="every user's total between 0 and 1 as stated, got 0 to 2"):
        at_looks(np.array([0.0, 2.0]), Span(most=1), np.array([2]))


def rare(rng, users, share):
    """Totals near 0, but for the few who click; and their mean. Who has not seen a click yet cannot know."""
    return (rng.random(users) < share) * 0.98 + rng.random(users) * 0.02, 0.98 * share + 0.01


def misled(runs, users=5_000, first=200):
    """How often any of 100 looks misses the mean where one user in 200 clicks: this bound, and the limit's."""
    looks = np.linspace(first, users, 100).astype(np.int64)
    plan, out = ConfidenceSequence(planned=users, first=first), np.zeros(2)
    for seed in range(runs):
        clicks, truth = rare(np.random.default_rng(seed), users, 0.005)
        each = at_looks(clicks, Span(most=1), looks), plan.of(clicks, np.ones(users), looks)
        out += [any(not e.low <= truth <= e.high for e in found) for found in each]
    return out / runs


def missed(runs):
    """How often the mean lies outside where 2 % of 60 users click: of this bound, and of the bootstrap."""
    out = np.zeros(2)
    for seed in range(runs):
        clicks, truth = rare(np.random.default_rng(seed), 60, 0.02)
        one = Column(name="a", value=clicks, weight=np.ones(60))
        drawn = Bootstrap.of(np.arange(60, dtype=np.int32), [one], seed=seed).value("a").interval()
        out += [not e.low <= truth <= e.high for e in (per_user(clicks, Span(most=1)), drawn)]
    return out / runs


def ratio_missed(runs):
    out, width = 0, []
    for seed in range(runs):
        clicks, seen = totals(np.random.default_rng(seed), 1000)
        got = per_request(clicks, seen, Span(most=40, requests=40))
        out += not got.low <= MEAN <= got.high
        width.append(got.high - got.low)
    return out / runs, float(np.mean(width))


def test_bound_holds_where_the_bootstrap_does_not():
    bound, drawn = missed(200)
    assert bound <= 0.05
    assert drawn >= 0.2
    assert ratio_missed(100)[0] <= 0.05
    bound, limit = misled(100)
    assert bound <= 0.05
    assert limit >= 0.1


@pytest.mark.prove
def test_bound_holds_in_1000_seeds():
    bound, drawn = missed(1000)
    ratio, width = ratio_missed(1000)
    print(f"Bernstein, 60 users, 2 % clicks: misses {bound:.1%}, the bootstrap {drawn:.1%}")
    print(f"Bernstein of a ratio, 1,000 users, ICC .3: misses {ratio:.1%}, mean width {width:.3f}")
    assert max(bound, ratio) <= 0.05
    assert drawn >= 0.2


@pytest.mark.prove
def test_sequence_holds_at_100_looks_in_5000():
    bound, limit = misled(5_000)
    print(
        f"100 looks at 200 to 5,000 users, one in 200 clicks: Bernstein misses in {bound:.2%}, the limit's sequence in "
        f"{limit:.1%}"
    )
    assert bound <= 0.05
    assert limit >= 0.1
