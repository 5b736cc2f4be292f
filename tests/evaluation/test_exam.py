"""One exam: the same users and resamples for every method."""

import numpy as np
import pytest

from recsys.data.split import TimeSplit
from recsys.errors import ShapeError, SplitError
from recsys.evaluation.compare import compare, estimate
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.evaluation.metrics import per_user
from recsys.evaluation.truth import Truth

SPLIT = TimeSplit(encoder_end=500, ranker_end=800, end=1000, instants=(500, 600, 700))
CONFIG = EvaluationConfig(lengths=(2, 3), samples=200)


@pytest.fixture
def log(make_log):
    rng = np.random.default_rng(0)
    rows = [(int(rng.integers(30)), int(rng.integers(12)), t, 1.0) for t in range(0, 1000, 2)]
    return make_log([*rows, (30, 0, 1, 1.0)], n_users=31, n_items=12)


def exam_of(log, **changes):
    settings = {"split": SPLIT, "target": "all", "config": CONFIG} | changes
    return Exam.of(log, np.arange(31, dtype=np.int32), **settings)


def lists_for(exam, seed):
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(12)[:5] for _ in exam.user_idx], np.int32)


def test_users_are_those_with_an_answer(log):
    exam = exam_of(log)
    taken = set(log.between(800, 1000).events["user_idx"].to_list())
    assert exam.user_idx.tolist() == sorted(taken)
    assert 30 not in taken
    fewer = exam_of(log, target="new")
    assert fewer.segments["overall"].sizes.sum() < exam.segments["overall"].sizes.sum()
    assert (fewer.segments["overall"].sizes > 0).all()


def test_grades_are_per_user_metrics_by_segment(log):
    exam = exam_of(log)
    grades = exam.grade(lists_for(exam, 1))
    truth = Truth.of(log, exam.user_idx, start=800, end=1000, target="all")
    expected = per_user(lists_for(exam, 1), truth, lengths=(2, 3), information=exam.information)
    assert grades.per_user["overall"].equals(expected)
    assert grades.exposure.coverage == np.unique(lists_for(exam, 1)[:, :3]).size / 12


def test_method_and_differences_agree_with_compare(log):
    exam = exam_of(log)
    ours, other = exam.grade(lists_for(exam, 1)), exam.grade(lists_for(exam, 2))
    a, b = ours.per_user["overall"], other.per_user["overall"]
    method = exam.method(ours, role="ours")
    assert method.role == "ours"
    assert method.scores["overall"]["ndcg@3"].mean == pytest.approx(estimate(a, "ndcg@3", samples=200).mean, rel=1e-12)
    got, expected = exam.differences(ours, other)["overall"]["recall@2"], compare(a, b, "recall@2", samples=200)
    assert (got.mean, got.low, got.high) == pytest.approx((expected.mean, expected.low, expected.high))


def test_segments_without_users_are_left_out(log):
    exam = exam_of(log)  # every item has events before: none is cold
    grades = exam.grade(lists_for(exam, 1))
    assert "cold items" in grades.per_user
    assert "cold items" not in exam.method(grades, role="ours").scores
    assert "cold items" not in exam.differences(grades, grades)


def test_at_most_max_users_by_seed(log):
    def users(seed):
        return exam_of(log, config=EvaluationConfig(max_users=5, seed=seed)).user_idx.tolist()

    assert all(len(set(users(seed))) == 5 for seed in range(5))
    assert users(0) == sorted(users(0)) == users(0)
    assert users(0) != users(1)


def test_the_test_window_moves_neither_information_nor_who_is_new(log, make_log):
    kept = [(r["user_idx"], r["item_idx"], r["at"], r["weight"]) for r in log.before(800).events.iter_rows(named=True)]
    late = [(u, 11, 900, 1.0) for u in range(31)]
    one, other = exam_of(log), exam_of(make_log([*kept, *late], n_users=31, n_items=12))
    np.testing.assert_array_equal(other.information, one.information)

    def new(exam):
        return set(exam.user_idx[exam.segments["new users"].sizes > 0].tolist())

    assert new(other) & set(one.user_idx.tolist()) == new(one)


def test_nobody_with_an_answer_is_a_sentence(make_log):
    quiet = make_log([(0, 0, 100, 1.0), (0, 0, 900, 1.0)], n_users=1, n_items=1)
    with pytest.raises(SplitError, match=r"\(task.target = 'new'\), got none of 1 known users; bring a longer log"):
        Exam.of(quiet, np.zeros(1, np.int32), split=SPLIT, target="new", config=CONFIG)


def test_lists_of_other_users_are_refused(log):
    with pytest.raises(ShapeError, match=r"recommend for truth\.user_idx"):
        exam_of(log).grade(np.zeros((3, 2), np.int32))
