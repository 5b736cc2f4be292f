"""What terminal and page say."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.compare import Estimate
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment import words
from recsys.evaluation.experiment.guardrails import Guardrail
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.experiment.seen import NotCompared
from tests.evaluation.experiment.small_experiment import HOUR, START, click, drawn


@pytest.fixture(scope="module")
def readout() -> Readout:
    made = drawn(np.random.default_rng(0), 600, arms=("holdout", "b"))
    before = [click(f"u{user}", -HOUR) for user in range(100)]
    found = Readout.of(made.with_events(*before).log(), OffPolicyConfig(), as_of=START + 480 * HOUR)
    assert isinstance(found, Readout)
    return found


def test_the_summary_names_time_users_and_control(readout):
    said = words.summary(readout)
    assert said.startswith("593 users in 2 arms from 2026-01-01T")
    assert said.endswith("until 2026-01-21T00:00:00Z, compared with holdout (no experiment touches it).")


def test_what_is_left_out_is_told_only_where_something_is(readout):
    late, waiting = sum(arm.open for arm in readout.arms), sum(arm.waiting for arm in readout.arms)
    assert late > waiting > 0
    open_ = f"{late:,} may still earn ({waiting:,} users have no others)"
    assert words.left_out(readout) == f"Answers left out: 2 are of no arm or time of it, {open_}."
    some = replace(readout, not_compared=NotCompared(repeated=1, without_user=2000, outside=3, crossed=4))
    assert words.left_out(some).startswith(
        "Answers left out: 1 were asked again, 2,000 name no user, 3 are of no arm or time of it, "
        "4 are of users seen in several arms, "
    )
    closed = tuple(replace(arm, open=0) for arm in readout.arms)
    every = NotCompared(repeated=0, without_user=0, outside=0, crossed=0)
    assert words.left_out(replace(readout, arms=closed, not_compared=every)) == ""


def test_whether_there_is_a_past(readout):
    adjusted = readout.contrasts[0].adjusted
    assert words.past(readout).startswith(f"With the past of {adjusted.covered} users who earned something before, ")
    without = (replace(readout.contrasts[0], adjusted=None),)
    assert "before their first answer, so no past" in words.past(replace(readout, contrasts=without))
    assert words.past(replace(readout, contrasts=())) == ""


def test_cells_fit_their_heads(readout):
    assert all(len(words.arm_cells(arm)) == len(words.ARMS) for arm in readout.arms)
    assert all(len(words.gap_cells(each)) == len(words.GAPS) for each in readout.contrasts)
    assert all(len(words.rail_cells(each)) == len(words.RAILS) for each in readout.guardrails)
    holdout = readout.arms[0]
    assert words.arm_cells(replace(holdout, by_user=None, impressions=1234))[3] == "-"
    assert words.arm_cells(replace(holdout, by_user=None, impressions=1234))[7] == "1,234"


def test_a_gap_says_what_can_be_found_of_the_control(readout):
    found = readout.contrasts[0]
    gap = replace(found.gap, detectable=0.5, control=4.0)
    assert words.gap_cells(replace(found, gap=gap))[6] == "0.5000 (12.5 %)"
    assert words.gap_cells(replace(found, gap=replace(gap, control=0.0)))[6] == "0.5000"
    nothing = replace(gap, detectable=None, relative=None, relative_narrow=None)
    cells = words.gap_cells(replace(found, gap=nothing, holm=None, adjusted=None, by_request=None))
    assert cells[2:] == ["-"] * 6
    assert words.gap_cells(replace(found, holm=0.0123))[4] == "0.012"


def test_guardrails_in_points_and_in_per_cent():
    rail = Guardrail(
        what="lists empty",
        arm="b",
        value=0.012,
        control=0.01,
        difference=Estimate(mean=0.002, low=-0.001, high=0.005, n=900),
        limit=0.02,
        judgement="kept",
    )
    assert words.rail_cells(rail) == ["lists empty", "b", "1.2 %", "1 %", "+0.20 [-0.10, +0.50]", "+2 points", "kept"]
    asked = replace(rail, what="answers a user", value=9.5, control=10.0, limit=-0.02, difference=None)
    assert words.rail_cells(asked)[2:6] == ["9.50", "10.00", "-", "-2 %"]


def test_an_interval_that_is_none():
    assert words.relative(Estimate(mean=0.5, low=None, high=None, n=1)) == "+50.00 [none]"
