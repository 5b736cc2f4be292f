"""Policies before a log whose truth is known: what is said is true, and what cannot be said is not."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.clusters import error, linearised, totals
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.estimator import BY_NAME
from recsys.evaluation.off_policy.estimators.slates import Marginals
from recsys.evaluation.off_policy.estimators.snips import snips
from recsys.evaluation.off_policy.intervals.sequence import ConfidenceSequence
from recsys.evaluation.off_policy.judging.judge import Evidence, Policy, judge
from recsys.evaluation.off_policy.judging.judgement import LOG, Judgement
from recsys.evaluation.refusal import Refusal
from recsys.evaluation.simulation.judged import judged
from recsys.evaluation.simulation.models import wrong
from recsys.evaluation.simulation.value import true_value
from recsys.evaluation.simulation.written import MINUTE
from tests.evaluation.off_policy.played_log import BASE, FIRST, a_log, luce, target, worths

CONFIG = OffPolicyConfig(samples=2000, level=0.999)
PLAYED, LOGGED = a_log()
GOOD, ALIKE, BAD = luce(0.6), luce(1.0), luce(1.0, times=-1)


def found(policies, *, modelled=False, base=LOG, played=PLAYED, logged=LOGGED, **more) -> Judgement:
    known = worths(played, wrong(BASE)) if modelled else None
    given = {name: Policy(source=f"{name}.parquet", target=each) for name, each in policies.items()}
    return judge(Evidence(logged=logged, worths=known), given, config=CONFIG, base=base, **more)


def of(policy, **more):
    return target(PLAYED, policy, model=wrong(BASE), **more)


def test_what_is_said_is_true():
    got = found({"good": of(GOOD), "bad": of(BAD)}, modelled=True)
    assert got.answered
    assert got.logged.low < true_value(BASE, luce()).value < got.logged.high
    for name, policy in (("good", GOOD), ("bad", BAD)):
        truth, judged_ = true_value(BASE, policy).value, got.policies[name]
        assert judged_.headline == "doubly_robust"
        for estimator in set(judged_.estimates) - {"direct"}:
            assert judged_.estimates[estimator].low < truth < judged_.estimates[estimator].high, (name, estimator)
        beside = truth / true_value(BASE, luce()).value - 1
        assert judged_.against.relative.low < beside < judged_.against.relative.high
    assert got.policies["good"].against.verdict.direction == "better"
    assert got.policies["bad"].against.verdict.direction == "worse"


def test_figures_are_those_of_the_formulas():
    got = found({"good": of(GOOD)}, modelled=True)
    slates = judged(PLAYED, GOOD, model=wrong(BASE))
    mine = got.policies["good"]
    assert mine.estimates["doubly_robust"].mean == pytest.approx(doubly_robust(slates).estimate, rel=1e-12)
    assert mine.estimates["snips"].mean == pytest.approx(snips(slates).estimate, rel=1e-12)
    assert mine.estimates["direct"].mean == pytest.approx(slates.model.value.mean(), rel=1e-12)
    assert got.logged.mean == pytest.approx(LOGGED.reward.sum() / 4_000, rel=1e-12)
    assert mine.support["list"].overlap.mean == pytest.approx(slates.weights().mean(), rel=1e-12)
    assert mine.support["rows"].overlap.mean == pytest.approx(slates.cumulative_weights().mean(), rel=1e-12)
    against = mine.against
    assert against.difference.mean == pytest.approx(mine.estimates["doubly_robust"].mean - got.logged.mean)
    assert against.relative.mean == pytest.approx(mine.estimates["doubly_robust"].mean / got.logged.mean - 1)


def test_without_a_model_nothing_asks_one():
    mine = found({"good": target(PLAYED, GOOD)}).policies["good"]
    assert mine.headline == "snips"
    assert set(mine.estimates) == {"snips", "ips", "clipped", "reward_interaction"}
    assert not any(BY_NAME[name].modelled for name in mine.estimates)


def test_the_policy_that_wrote_the_log_earned_what_the_log_did():
    got = found({"same": target(PLAYED, ALIKE)})
    same = got.policies["same"]
    assert same.estimates["snips"].mean == pytest.approx(got.logged.mean, rel=1e-9)
    assert same.against.relative.mean == pytest.approx(0, abs=1e-9)
    assert same.support["list"].overlap.effective == pytest.approx(4_000)


def test_another_base():
    got = found({"good": of(GOOD), "bad": of(BAD)}, modelled=True, base="bad")
    good, bad = got.policies["good"], got.policies["bad"]
    assert bad.against is None
    ratio = good.estimates["doubly_robust"].mean / bad.estimates["doubly_robust"].mean
    assert good.against.relative.mean == pytest.approx(ratio - 1)
    assert good.against.verdict.sentence.startswith("good is better by ")


def test_policies_are_compared_by_the_requests_that_both_are_known_of():
    """Where places are known of half the users alone, and the others earn nothing, the same places earn the same."""
    earn = np.repeat(LOGGED.user_idx % 2 == 0, 3)
    logged = replace(LOGGED, reward=np.where(earn, LOGGED.reward, 0.0))
    chance = np.where(earn, 0.5, np.nan)
    places = Marginals(logged=chance, target=chance)
    same = replace(target(PLAYED, luce(0.05, times=-3)), marginal=places)  # of which its lists do not tell
    got = found({"same": same}, logged=logged).policies["same"]
    assert got.headline == "independent"
    assert got.estimates["independent"].mean > 1.5 * logged.reward.sum() / 4_000
    assert got.against.relative.mean == pytest.approx(0, abs=1e-12)
    by_good = found({"same": same, "good": target(PLAYED, GOOD)}, logged=logged, base="good").policies["same"]
    weights, rewards = judged(PLAYED, GOOD).weights()[earn[::3]], PLAYED.reward.sum(1)[earn[::3]]
    expected = rewards.mean() / ((weights * rewards).sum() / weights.sum())
    assert by_good.against.relative.mean == pytest.approx(expected - 1)


def test_p_values_account_for_all_policies():
    got = found({name: of(luce(t)) for name, t in (("a", 0.9), ("b", 0.7), ("c", 1.1))}, modelled=True)
    p = [each.against.p_value for each in got.policies.values()]
    lowest = min(got.policies.values(), key=lambda each: each.against.p_value)
    assert lowest.against.adjusted == pytest.approx(min(1, 3 * min(p)))
    assert all(each.against.adjusted >= each.against.p_value for each in got.policies.values())


def test_where_whole_lists_are_too_unlike_rows_still_tell():
    odd = luce(0.15, times=-1)
    mine = found({"odd": of(odd)}, modelled=True).policies["odd"]
    assert [each.name for each in mine.support["list"].refused] == ["little-overlap"]
    assert mine.headline == "cascade"
    assert set(mine.estimates) == {"cascade", "reward_interaction", "direct"}
    assert mine.estimates["cascade"].low < true_value(BASE, odd).value < mine.estimates["cascade"].high


def test_a_policy_that_the_log_says_nothing_of_has_no_figures():
    mine = found({"far": of(luce(0.05, times=-3))}, modelled=True).policies["far"]
    assert mine.headline is None
    assert mine.estimates == {}
    assert mine.segments == {}
    assert mine.always is None
    assert [each.name for each in mine.reasons] == ["little-overlap", "one-user"]


def test_probabilities_whose_mean_weight_is_wrong_carry_no_weaker_estimate_either():
    """Each is half as likely as the policy makes it: of the rows' mean weight less is missing than of the lists'."""
    good = target(PLAYED, GOOD)
    chance = np.full(12_000, 0.5)
    half = replace(good, probability=good.probability / 2, marginal=Marginals(logged=chance, target=chance))
    mine = found({"half": half}).policies["half"]
    assert [each.name for each in mine.support["list"].refused] == ["mean-weight"]
    assert mine.support["places"].refused == ()
    assert (mine.headline, mine.estimates) == (None, {})
    assert [each.name for each in mine.reasons] == ["mean-weight"]


def test_a_policy_that_learned_from_the_log_is_not_judged_by_it():
    end = FIRST + 10 * MINUTE
    got = found({"late": of(GOOD, trained_until=end + 1), "early": of(GOOD, trained_until=FIRST)}, modelled=True)
    assert [each.name for each in got.policies["late"].reasons] == ["trained-on-log"]
    assert got.policies["late"].estimates == {}
    assert got.policies["early"].headline == "doubly_robust"


def test_requests_that_some_policy_does_not_know_are_judged_for_none():
    half = of(GOOD)
    rows = np.repeat(np.arange(4_000) % 2 == 0, 3)
    rows[1::3] = rows[::3]
    probability = np.where(rows, half.probability, np.nan)
    some = replace(half, probability=probability)
    got = found({"some": some, "all": of(GOOD)}, modelled=True)
    assert (got.card.answers, got.card.unknown) == (2_000, 2_000)
    assert got.policies["some"].estimates == got.policies["all"].estimates
    assert got.policies["some"].estimates["ips"].mean == pytest.approx(
        (judged(PLAYED, GOOD).weights() * judged(PLAYED, GOOD).rewards())[::2].mean()
    )


def test_a_policy_that_nothing_is_known_of_does_not_hinder_the_others():
    nothing = replace(of(GOOD), probability=np.full(12_000, np.nan))
    why = (Refusal(name="other-log", because="None of its requests is in the log.", cure="Give another file."),)
    got = found({"nothing": nothing, "told": why, "all": of(GOOD)}, modelled=True)
    assert [each.name for each in got.policies["nothing"].reasons] == ["nothing-known"]
    assert got.policies["told"].reasons == why
    assert got.policies["all"].headline == "doubly_robust"
    assert got.card.unknown == 0
    assert list(got.policies) == ["nothing", "told", "all"]
    assert not got.answered


def test_nothing_is_known_of_any():
    odd, even = (np.repeat(np.arange(4_000) % 2 == n, 3) for n in (0, 1))
    half = {"odd": np.where(odd, 0.5, np.nan), "even": np.where(even, 0.5, np.nan)}
    got = found({name: replace(of(GOOD), probability=each) for name, each in half.items()}, modelled=True)
    assert [each.reasons[0].name for each in got.policies.values()] == ["nothing-shared", "nothing-shared"]
    assert "known of 2,000 of 4,000 answers (50 %), and none of these" in got.policies["odd"].reasons[0].because
    assert got.card.answers == 4_000


def test_parts_are_judged_by_themselves():
    got = found({"good": of(GOOD)}, modelled=True)
    parts = got.policies["good"].segments
    assert {"first half", "second half"} <= set(parts) == set(got.segments)
    slates = judged(PLAYED, GOOD, model=wrong(BASE))
    terms = doubly_robust(slates)
    assert parts["first half"].mean == pytest.approx(terms.value[:2_000].mean(), rel=1e-9)
    assert got.segments["second half"].mean == pytest.approx(LOGGED.reward[6_000:].sum() / 2_000, rel=1e-12)


def test_a_part_has_the_users_that_asked_in_it():
    """So its interval is as wide as Student's of so many, and says how many they are."""
    got = found({"good": of(GOOD)}, modelled=True)
    asked = np.bincount(LOGGED.user_idx)
    (often,) = (part for part in got.segments if part.startswith("users with more than "))
    users = int((asked > int(often.split()[-1])).sum())
    assert 0 < users < len(asked)
    assert (got.segments[often].n, got.policies["good"].segments[often].n) == (users, users)
    assert got.logged.n == len(asked)


def test_a_part_that_is_too_small_is_refused_and_the_whole_is_not():
    played, logged = a_log(160)
    got = found({"good": target(played, luce(0.9))}, played=played, logged=logged).policies["good"]
    assert got.headline == "snips"
    assert [each.name for each in got.segments["first half"]] == ["little-overlap"]
    assert "of 80 logged" in got.segments["first half"][0].because


def test_who_looks_again_and_again_gets_a_wider_interval():
    mine = found({"good": of(GOOD)}, modelled=True).policies["good"]
    once = mine.estimates["doubly_robust"]
    assert mine.always.mean == pytest.approx(once.mean)
    assert 1.1 < (mine.always.high - mine.always.low) / (once.high - once.low) < 2.5


def test_the_plan_of_who_looks_again_does_not_grow_with_the_log():
    """One that did would make every look the first, and promise nothing for them together."""
    mine = found({"good": target(PLAYED, GOOD)}).policies["good"]
    slates = judged(PLAYED, GOOD)
    value, weight = (totals(LOGGED.user_idx, each) for each in (slates.weights() * slates.rewards(), slates.weights()))
    plan = ConfidenceSequence(planned=CONFIG.planned_users, level=CONFIG.level)
    half = plan.radius(np.array([error(linearised(value, weight))]), np.array([len(weight)]))[0]
    assert (mine.always.high - mine.always.low) / 2 == pytest.approx(half)


def test_equal_seeds_give_equal_bytes():
    one, two, other = (found({"good": of(GOOD)}, modelled=True, seed=seed).to_json() for seed in (0, 0, 1))
    assert one == two != other


def test_progress_is_told_for_each_policy():
    seen = []
    found({"a": of(GOOD), "b": of(BAD)}, modelled=True, progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
