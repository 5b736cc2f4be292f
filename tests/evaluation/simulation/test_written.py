"""A simulated log comes back as it was played."""

import json

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.written import MINUTE, written
from tests.evaluation.off_policy.small_log import LATER
from tests.evaluation.simulation.small import GREEDY, SOFT, WORLD, valued

START = 1_700_000_000_000_000
POLICY = valued(SOFT)
PLAYED = simulate(WORLD, POLICY, 300, seed=1)


def test_all_of_it_comes_back():
    log = written(PLAYED, POLICY, start=START)
    back = Logged.of(log, OffPolicyConfig(window_hours=1), as_of=LATER)
    assert isinstance(back, Logged), back
    assert back.indptr.tolist() == PLAYED.indptr.tolist()
    assert back.propensity.tolist() == PLAYED.flat(PLAYED.propensity).tolist()
    assert back.reward.tolist() == PLAYED.flat(PLAYED.reward).tolist()
    assert back.item.decode().to_list() == [f"i{item}" for item in PLAYED.item.ravel().tolist()]
    assert back.user.decode().to_list() == [f"u{user}" for user in PLAYED.user.tolist()]
    assert np.diff(back.at).tolist() == [MINUTE] * 299
    assert int(back.at[0]) == START
    assert json.loads(back.params.names[0]) == {"temperature": 0.6}
    assert back.left_out.total == 0


def test_candidates_are_all_items_best_first():
    rows = written(PLAYED, POLICY, start=START).candidates.collect()
    columns = (rows["item_ids"].to_list(), rows["scores"].to_list())
    for kind, items, scores in zip(PLAYED.kind.tolist(), *columns, strict=True):
        assert scores == sorted(POLICY.value[kind].tolist(), reverse=True)
        assert [POLICY.value[kind, int(item[1:])] for item in items] == scores


def test_a_policy_without_a_name_is_a_sentence():
    with pytest.raises(ShapeError, match="Expected a log of Plackett-Luce, got one of EpsilonGreedy; play that one"):
        written(PLAYED, valued(GREEDY), start=START)
