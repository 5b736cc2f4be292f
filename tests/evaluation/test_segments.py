"""Cold and warm items, new and established users."""

import numpy as np

from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.metrics import per_user
from recsys.evaluation.segments import new_users, segments
from recsys.evaluation.truth import Truth

# the log runs from 0 to 100 at as_of; the last tenth begins at 90
ROWS = [
    (0, 0, 0, 1.0), (0, 1, 10, 1.0), (0, 1, 20, 1.0),  # early, three signs: established
    (1, 0, 90, 1.0), (1, 0, 91, 1.0), (1, 0, 92, 1.0),  # first event in the last tenth: new
    (2, 2, 89, 0.0), (2, 0, 95, 1.0), (2, 0, 96, 1.0),  # early, but two positive signs only: new
    (3, 0, 50, 1.0), (3, 0, 51, 1.0), (3, 0, 52, 1.0), (3, 3, 99, 1.0),  # established
    (0, 3, 100, 1.0), (0, 4, 101, 1.0), (1, 0, 102, 1.0), (2, 4, 103, 1.0), (3, 2, 104, 1.0),
]  # fmt: skip
CONFIG = EvaluationConfig(new_user_span=0.1, few_events=3)


def test_users_are_new_by_date_or_by_few_signs(make_log):
    log = make_log(ROWS, n_users=5, n_items=6)
    users = np.array([3, 2, 1, 0, 4], np.int32)  # user 4 has no event at all
    assert new_users(log, users, as_of=100, config=CONFIG).tolist() == [False, True, True, False, True]


def test_each_setting_counts_alone(make_log):
    log = make_log(ROWS, n_users=4, n_items=6)
    users = np.arange(4, dtype=np.int32)
    by_date = EvaluationConfig(new_user_span=0.1, few_events=1)
    by_signs = EvaluationConfig(new_user_span=0.0, few_events=3)
    assert new_users(log, users, as_of=100, config=by_date).tolist() == [False, True, False, False]
    assert new_users(log, users, as_of=100, config=by_signs).tolist() == [False, False, True, False]


def test_segments_part_the_truth_by_item_and_by_user(make_log):
    log = make_log(ROWS, n_users=4, n_items=6)
    truth = Truth.of(log, np.arange(4, dtype=np.int32), start=100, end=200, target="all")
    parts = segments(log, truth, as_of=100, config=CONFIG)
    found = {name: list(zip(t.rows.tolist(), t.item_idx.tolist(), strict=True)) for name, t in parts.items()}
    assert list(found) == ["overall", "warm items", "cold items", "established users", "new users"]
    assert found["cold items"] == [(0, 4), (2, 4)]  # item 2 was only looked at: it is warm
    assert found["warm items"] == [(0, 3), (1, 0), (3, 2)]
    assert found["new users"] == [(1, 0), (2, 4)]
    assert found["established users"] == [(0, 3), (0, 4), (3, 2)]


def test_cold_recall_is_cold_hits_in_the_whole_list(make_log):
    log = make_log(ROWS, n_users=4, n_items=6)
    truth = Truth.of(log, np.arange(4, dtype=np.int32), start=100, end=200, target="all")
    cold = segments(log, truth, as_of=100, config=CONFIG)["cold items"]
    lists = np.array([[3, 4], [0, 1], [0, 1], [2, 4]], np.int32)
    got = per_user(lists, cold, lengths=(1, 20))
    assert got["user_idx"].to_list() == [0, 2]
    assert got["recall@20"].to_list() == [1 / 1, 0.0]
    assert got["recall@1"].to_list() == [0.0, 0.0]
