"""The gate stops what is too bad, and says why."""

from dataclasses import replace

import pytest

from recsys.errors import GateError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.config import GateConfig
from recsys.evaluation.gate import check

CONFIG = GateConfig(student_share=0.95, not_below="EASE")


def test_a_good_evaluation_passes(evaluation):
    check(evaluation, CONFIG)


def test_a_student_that_lost_too_much_stops_the_release(evaluation):
    student = replace(evaluation.encoders["student"], kept={"ndcg@10": Estimate(mean=0.94, low=0.9, high=0.97, n=9)})
    with pytest.raises(GateError, match=r"keep 95% of the teacher's ndcg@10 .*it keeps 0\.9400 \[0\.9000, 0\.9700\]"):
        check(replace(evaluation, encoders={"student": student}), CONFIG)


def test_no_student_no_gate_for_it(evaluation):
    check(replace(evaluation, encoders={}), CONFIG)


@pytest.mark.parametrize(("low", "high", "stops"), [(-0.02, -0.01, True), (-0.02, 0.01, False), (0.01, 0.02, False)])
def test_only_a_certain_loss_stops_the_release(evaluation, low, high, stops):
    worse = Difference(mean=(low + high) / 2, low=low, high=high, n=9)
    overall = {"ndcg@10": worse, "recall@20": worse}
    changed = replace(evaluation, differences={**evaluation.differences, "EASE": {"overall": overall}})
    if not stops:
        check(changed, CONFIG)
        return
    with pytest.raises(GateError, match=r"Expected lists no worse than EASE \(gate.not_below\), got a difference"):
        check(changed, CONFIG)


def test_an_unknown_baseline_is_named(evaluation):
    with pytest.raises(GateError, match=r"gate.not_below: expected one of popularity, EASE, .*got 'Ease'; nothing was"):
        check(evaluation, GateConfig(not_below="Ease"))


def test_no_baseline_no_gate(evaluation):
    check(evaluation, GateConfig(not_below=""))
