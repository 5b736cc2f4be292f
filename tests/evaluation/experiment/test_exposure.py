"""Users of the holdout are there all the time; those of arms may not be."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.exposure import Exposure, running
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.off_policy.log.labels import Labels
from tests.evaluation.experiment.small_experiment import HOUR, LATER, Made, drawn

DAY = 24 * HOUR


def labels(*names: str | None) -> Labels:
    return Labels.of(pl.Series(names, dtype=pl.String))


def runs(*arms: str | None, named: list[bool] | None = None) -> list[bool]:
    n = len(arms)
    return running(labels(*arms), np.arange(n), np.array(named or [True] * n)).tolist()


def test_an_experiment_runs_from_the_first_to_the_last_answer_of_an_arm_that_treats():
    assert runs("holdout", "default", "a", "holdout", "b", "default", None) == [False] * 2 + [True] * 3 + [False] * 2
    assert runs("holdout", "default", None) == [True] * 3
    assert runs("a", "holdout", "a", named=[False, True, True]) == [False, False, True]


def test_users_of_arms_who_were_outside_are_counted():
    user = labels("ann", "bob", "cat", "ann", "bob", "dan", "hal", "hal")
    arm = labels("default", "a", "default", "b", "a", "a", "holdout", "default")
    assert Exposure.of(user, arm, np.arange(8) * 10) == Exposure(users=3, joined=1, whole=1)


@pytest.mark.parametrize(("joined", "names"), [(2, []), (3, ["ramp"])])
def test_one_in_a_hundred_may_join_late(joined, names):
    found = list(Exposure(users=200, joined=joined, whole=61_000_000).refused())
    assert [each.name for each in found] == names
    if names:
        assert found[0].because.startswith("3 of 200 users (1.5 %) of arms were in no experiment for a part")
        assert "give since=1970-01-01T00:01:01Z, from when on" in found[0].cure
    assert list(Exposure(users=200, joined=0, whole=None).refused()) == []


def read(made: Made, **more: object) -> Readout:
    found = Readout.of(made.log(), OffPolicyConfig(**more.pop("config", {})), as_of=LATER, **more)
    assert isinstance(found, Readout)
    return found


def asking_often(arms: tuple[str, ...]) -> Made:
    """600 users who ask all the time, each as often."""
    user = np.tile(np.arange(600, dtype=np.int32), 20)
    made = drawn(np.random.default_rng(0), 1)
    arm = np.array(arms)[np.random.default_rng(1).integers(len(arms), size=600)][user]
    at = np.sort(np.random.default_rng(2).integers(0, 20 * DAY, len(user)))
    clicks = (np.random.default_rng(3).random(len(user)) < 0.3).astype(float)
    return replace(made, user=user, arm=arm, at=at, clicks=clicks)


def test_an_experiment_that_begins_and_ends_within_the_log_is_compared_while_it_ran():
    made = asking_often(("holdout", "b"))
    outside = (made.arm == "b") & ((made.at < 5 * DAY) | (made.at >= 15 * DAY))
    got = read(replace(made, arm=np.where(outside, "default", made.arm)))
    (found,) = got.contrasts
    assert got.refused == ()
    assert found.gap.relative.low < 0 < found.gap.relative.high
    assert {rail.what: rail.judgement for rail in got.guardrails}["answers a user"] != "broken"
    ran = (made.at >= 5 * DAY) & (made.at < 15 * DAY)
    assert abs(sum(arm.answers for arm in got.arms) - ran.sum()) < 40
    assert got.not_compared.outside == len(made.user) - sum(arm.answers for arm in got.arms)


def ramped(arms: tuple[str, ...]) -> Made:
    """The arms take their users in one after the other, over ten days."""
    made = asking_often(arms)
    entry = np.random.default_rng(4).integers(0, 10 * DAY, 600)[made.user]
    return replace(made, arm=np.where((made.arm != "holdout") & (made.at < entry), "default", made.arm))


def test_beside_a_ramp_the_holdout_is_not_compared():
    made = ramped(("holdout", "b", "c"))
    for got in (read(made), read(made, control="holdout"), read(ramped(("holdout", "b")))):
        assert [each.name for each in got.refused] == ["ramp"]
    assert got.control.arm == read(made, control="holdout").control.arm == "holdout"
    assert got.contrasts == got.paths == read(made, control="holdout").contrasts == ()


def test_beside_a_ramp_arms_are_compared_among_themselves():
    among = read(ramped(("holdout", "b", "c")))
    assert among.control.why == "it has the most users"
    assert {arm.name for arm in among.arms} == {"holdout", "b", "c"}
    assert {among.control.arm, *(each.arm for each in among.contrasts)} == {"b", "c"}
    assert among.contrasts[0].gap.relative.low < 0 < among.contrasts[0].gap.relative.high
    assert read(ramped(("b", "c"))).refused == ()


def test_from_the_end_of_a_ramp_on_the_holdout_is_compared():
    made = ramped(("holdout", "b"))
    (found,) = read(made).refused
    since = found.cure.split("since=")[1].split(",")[0]
    got = read(made, config={"since": since})
    assert got.refused == ()
    assert got.contrasts[0].gap.relative.low < 0 < got.contrasts[0].gap.relative.high
