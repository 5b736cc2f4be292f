"""A path that may be looked at whenever one likes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.compare import Estimate
from recsys.evaluation.experiment.looks import Path, paths
from recsys.evaluation.off_policy.intervals.sequence import ConfidenceSequence
from tests.evaluation.experiment.test_contrast import NAMES, made


def path(totals, *, arms=("b",), planned=1000):
    return paths(totals, NAMES, control="a", arms=arms, planned=planned)


def test_each_look_sees_the_users_who_were_complete_and_no_others():
    rng = np.random.default_rng(0)
    totals = made(rng, 900, arms=3)
    open_ = rng.random(900) < 0.1
    shuffled = replace(totals, first=rng.permutation(900), early=np.where(open_, np.nan, totals.early))
    (got,) = path(shuffled)
    mine = np.flatnonzero((shuffled.arm_idx < 2) & ~open_)
    order = mine[np.argsort(shuffled.first[mine])]
    assert got.users == len(order) == got.looks[-1].n
    assert (len(got.looks), got.looks[0].n, got.level, got.planned) == (20, 200, 0.95, 1000)
    assert np.ptp(np.diff([look.n for look in got.looks])) <= 1
    for look in got.looks:
        so_far = order[: look.n]
        b, a = (totals.reward[so_far[totals.arm_idx[so_far] == arm]] for arm in (1, 0))
        error = np.hypot(stats.sem(b), stats.sem(a))
        radius = ConfidenceSequence(planned=1000).radius(np.array([error]), np.array([look.n]))[0]
        assert (look.mean, look.high - look.mean) == pytest.approx((b.mean() - a.mean(), radius))


def test_each_of_several_arms_has_its_part_of_the_five_per_cent():
    totals = made(np.random.default_rng(0), 900, arms=3)
    got = path(totals, arms=("b", "c"))
    assert [each.level for each in got] == [0.975, 0.975]
    (alone,) = path(totals)
    assert got[0].looks[-1].high > alone.looks[-1].high


def test_too_few_users_are_not_looked_at():
    totals = made(np.random.default_rng(0), 200)
    (got,) = path(replace(totals, early=np.where(np.arange(200) < 1, np.nan, totals.early)))
    assert (got.looks, got.decided) == ((), None)
    assert got.sentence == "b: 199 users are complete, too few to look at before they are 200."
    (got,) = path(totals)
    assert [look.n for look in got.looks] == [200]


def test_the_last_look_is_told():
    def of(*looks: tuple[float, float, float | None], decided: int | None = None) -> str:
        made_of = tuple(Estimate(mean=mean, low=low, high=high, n=n) for n, mean, low, high in looks)
        return Path(arm="b", level=0.95, planned=1, users=9, looks=made_of, decided=decided).sentence

    assert of((200, 0.2, -0.1, 0.5)) == (
        "b: not told apart after 200 users, at any look: +0.2000 [-0.1000, 0.5000] a user."
    )
    assert of((200, 0.2, 0.1, 0.3), (400, 0.25, 0.2, 0.3), decided=200) == (
        "b earns more, known since 200 users; after 400: +0.2500 [0.2000, 0.3000] a user."
    )
    assert of((200, -0.2, -0.3, -0.1), decided=200).startswith("b earns less, known since 200 users;")
    assert of((200, 0.0, None, None)) == "b: nothing can be told after 200 users, who are all alike."


def test_an_effect_is_found_on_the_way():
    (got,) = path(made(np.random.default_rng(0), 4000, lift=1.0), planned=1000)
    first = next(look for look in got.looks if look.low > 0)
    assert got.decided == first.n < 4000
    assert "b earns more" in got.sentence


def wrong(runs, users=1000):
    """How often any look tells equal arms apart."""
    return sum(path(made(np.random.default_rng(seed), users))[0].decided is not None for seed in range(runs))


def test_a_plan_that_is_ten_times_off_costs_less_than_a_third():
    """What `planned_users` says of itself."""
    for planned in (500, 50_000):
        wide, best = (ConfidenceSequence(planned=p).radius(np.ones(1), np.array([5000])) for p in (planned, 5000))
        assert 1 < wide / best < 4 / 3


def test_equal_arms_are_told_apart_at_any_look_in_one_of_twenty_at_most():
    assert stats.binomtest(wrong(200), 200, 0.05, alternative="greater").pvalue > 1e-3


@pytest.mark.prove
def test_equal_arms_of_2000_experiments_are_told_apart_at_any_look_in_one_of_twenty_at_most():
    assert wrong(2000, users=4000) <= stats.binom.ppf(0.999, 2000, 0.05)
