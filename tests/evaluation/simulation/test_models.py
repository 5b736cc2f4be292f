"""Reward models: the true one tells the truth, the wrong one does not."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.simulation import policies
from recsys.evaluation.simulation.models import fitted, wrong
from recsys.evaluation.simulation.played import simulate
from tests.evaluation.simulation.small import GREEDY, SOFT, WORLD, clicks, earned, valued

LOG = simulate(WORLD, valued(), 80, 0)


@pytest.mark.parametrize("model", [WORLD, wrong(WORLD)])
@pytest.mark.parametrize("policy", [SOFT, GREEDY])
def test_what_a_model_says_one_row_at_a_time(monkeypatch, model, policy):
    monkeypatch.setattr(policies, "_BLOCK", 100)
    target = valued(policy, seed=1)
    got = fitted(model, target, LOG)
    predicted = []
    for kind, items in zip(LOG.kind.tolist(), LOG.item.tolist(), strict=True):
        predicted += clicks(model, kind, items)
    assert got.predicted == pytest.approx(predicted, rel=1e-12)
    assert got.value == pytest.approx([earned(model, target, kind) for kind in LOG.kind], rel=1e-12)


def test_the_wrong_model_is_wrong():
    model = wrong(WORLD)
    assert sorted(model.attract[1]) == pytest.approx(sorted(WORLD.attract[1] / 2))
    for kind in (0, 1):
        assert abs(earned(model, valued(), kind) / earned(WORLD, valued(), kind) - 1) > 0.1


def test_a_list_that_has_ended_has_no_rows():
    item = LOG.item.copy()
    item[::2, 1:] = -1
    short = replace(LOG, item=item)
    whole, cut = (fitted(WORLD, valued(), log) for log in (LOG, short))
    kept = (item >= 0).ravel()
    assert cut.predicted.tolist() == whole.predicted[kept].tolist()
    assert len(cut.value) == len(np.diff(short.indptr)) == 80
