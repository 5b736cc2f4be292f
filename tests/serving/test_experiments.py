"""Who gets which arm: for good, in the shares asked for, and independently of other experiments."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chi2_contingency, chisquare

from serving.experiments import HOLDOUT, Experiment, bucket
from serving.treatment import DEFAULT

USERS = [f"user-{n}" for n in range(20_000)]
START = datetime(2026, 1, 1, tzinfo=UTC)
ARMS = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.3}, {"name": "c", "share": 0.2}]


def instant(day: float) -> int:
    return int((START + timedelta(days=day)).timestamp() * 1e6)


def drawn(experiment: Experiment, day: float = 0) -> list[str]:
    arms = [experiment.arm(user, at=instant(day)) for user in USERS]
    return [arm if isinstance(arm, str) else arm.name for arm in arms]


def made(**more: object) -> Experiment:
    return Experiment.model_validate({"name": "colours", "arms": ARMS} | more)


def test_shares_are_those_asked_for() -> None:
    counts = Counter(drawn(made(traffic=0.5, holdout=0.1)))
    shares = {HOLDOUT: 0.1, DEFAULT: 0.45, "a": 0.225, "b": 0.135, "c": 0.09}
    assert set(counts) == set(shares)
    expected = [share * len(USERS) for share in shares.values()]
    assert chisquare([counts[name] for name in shares], expected).pvalue > 1e-4


def test_a_user_keeps_the_arm_and_another_process_draws_the_same() -> None:
    assert drawn(made()) == drawn(made(), day=400)
    assert [made().arm(user, at=0).name for user in ("ann", "dan", "ü")] == ["a", "b", "a"]  # known answers
    assert bucket("salt", "ann") == pytest.approx(0.57741104)


def test_experiments_are_independent_and_so_is_another_salt() -> None:
    one = drawn(made())
    for other in (drawn(made(name="sizes")), drawn(made(salt="2"))):
        table = [[sum(x == a and y == b for x, y in zip(one, other, strict=True)) for b in "abc"] for a in "abc"]
        assert chi2_contingency(table).pvalue > 1e-4


def test_the_same_users_are_held_out_whatever_the_experiment() -> None:
    out = [{u for u, arm in zip(USERS, drawn(e), strict=True) if arm == HOLDOUT} for e in (
        made(holdout=0.05), made(holdout=0.05, name="sizes", salt="7"), made(holdout=0.1)
    )]  # fmt: skip
    assert out[0] == out[1] < out[2]
    assert 0.045 < len(out[0]) / len(USERS) < 0.055


@given(st.floats(0, 1), st.floats(0, 1), st.text(max_size=30))
def test_more_traffic_takes_nobodys_arm_away(low: float, high: float, user: str) -> None:
    low, high = sorted((low, high))
    few, many = (made(traffic=share).arm(user, at=0) for share in (low, high))
    assert few in {DEFAULT, many} if isinstance(few, str) else few == many


def test_a_ramp_grows_and_everybody_who_is_in_stays_in() -> None:
    ramp = {"start": START.isoformat(), "end": (START + timedelta(days=10)).isoformat(), "first": 0.1}
    experiment = made(traffic=0.5, ramp=ramp)
    before: list[str] = [DEFAULT] * len(USERS)
    for day, share in ((-5, 0.05), (0, 0.05), (5, 0.275), (10, 0.5), (99, 0.5)):
        now = drawn(experiment, day)
        assert sum(arm != DEFAULT for arm in now) / len(USERS) == pytest.approx(share, abs=0.015)
        assert all(then in {DEFAULT, arm} for then, arm in zip(before, now, strict=True))
        before = now


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"arms": ARMS[:2]}, "expected shares of arms that sum to 1, got 0.8"),
        ({"arms": [ARMS[0], ARMS[0]]}, "expected arms of different names other than default and holdout, got 'a'"),
        ({"arms": [{"name": "default", "share": 1}]}, "expected arms of different names other than default and holdo"),
        ({"arms": []}, "at least 1 item"),
        ({"traffic": 1.5}, "less than or equal to 1"),
        ({"name": "two words"}, "should match pattern"),
        ({"ramp": {"start": "2026-01-02T00:00Z", "end": "2026-01-01T00:00Z"}}, "expected start before end"),
        ({"arms": [{"name": "a", "share": 1, "bundle": "../x"}]}, "should match pattern"),
        ({"arms": [{"name": "a", "share": 1, "policy": {"kind": "random"}}]}, "deterministic"),
        ({"arms": [{"name": "a", "share": 1, "interleave": {"kind": "odd"}}]}, "'team_draft' or 'probabilistic'"),
        ({"arms": [{"name": "a", "share": 1, "interleave": {"bundle": "x"}}]}, "should match pattern"),
        (
            {"arms": [{"name": "a", "share": 1, "interleave": {}}]},
            "expected two bundles to interleave, got the one in use twice; name another in one of them",
        ),
        (
            {"arms": [{"name": "a", "share": 1, "bundle": "0" * 64, "interleave": {"bundle": "0" * 64}}]},
            f"expected two bundles to interleave, got '{'0' * 64}' twice",
        ),
        (
            {
                "arms": [
                    {
                        "name": "a",
                        "share": 1,
                        "policy": {"kind": "epsilon_greedy"},
                        "interleave": {"bundle": "0" * 64},
                    }
                ]
            },
            "expected policy deterministic in an arm that interleaves, got 'epsilon_greedy'; its lists are drawn from",
        ),
    ],
)
def test_an_experiment_that_cannot_be_is_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        made(**change)


def test_an_experiment_names_each_bundle_once() -> None:
    one, two = "1" * 64, "2" * 64
    arms = [
        {"name": "a", "share": 0.5, "bundle": one},
        {"name": "b", "share": 0.5, "bundle": two, "interleave": {"bundle": one}},
    ]
    assert made(arms=arms).bundles == (one, two)
    assert made().bundles == (None,)
    assert made(arms=[{"name": "a", "share": 1, "interleave": {"bundle": two}}]).bundles == (None, two)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": -1},
        {"seed": 2**31},
        {"traffic": "0.5"},
        {"holdout": True},
        {"arms": [{"name": "a", "share": 1, "policy": {"epsilon": "0.1"}}]},
        {"arms": [{"name": "a", "share": 1, "policy": {"temperature": True}}]},
    ],
)
def test_numbers_are_numbers_that_a_seed_and_a_share_can_be(change: dict) -> None:
    with pytest.raises(ValidationError):
        made(**change)
