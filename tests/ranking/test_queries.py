from dataclasses import replace

import numpy as np

from recsys.ranking.queries import GRADES, MAX_GRADE, Lessons, Queries
from tests.ranking.small_tables import N_ITEMS, N_USERS, table


def test_grades_are_tenths_rounded_up_and_bounded() -> None:
    made = table(0, n_users=1)
    made.gain[:6] = [0, 0.04, 0.3, 1, 2.51, 1000]
    got = Queries.of(made)
    assert got.label[:6].tolist() == [0, 1, 3, GRADES, 26, MAX_GRADE]
    assert got.gain[:4].tolist() == [0, 0.1, 0.3, 1.0]


def test_users_with_nothing_to_learn_from_are_left_out() -> None:
    made = table(0, n_users=3)
    made.gain[:N_ITEMS] = 0
    got = Queries.of(made)
    assert (len(got), got.sizes.tolist()) == (2, [N_ITEMS, N_ITEMS])
    assert np.array_equal(got.values, made.features.values[N_ITEMS:], equal_nan=True)


def test_what_counts_several_times_has_a_higher_grade_and_its_user_more_weight() -> None:
    made = table(0, n_users=3)
    times = np.where(made.gain > 0, 4.0, 1.0).astype(np.float32)
    times[N_ITEMS:][np.flatnonzero(made.gain[N_ITEMS:])[0]] = 1.0  # one of the two takes of the second user
    times[2 * N_ITEMS :] = 1.0
    got = Queries.of(replace(made, times=times))
    assert got.weight.tolist() == [4.0, (1 + 4) / 2, 1.0]
    assert sorted(got.label[got.label > 0].tolist()) == [10, 10, 10, 40, 40, 40]
    assert Queries.of(made).weight.tolist() == [1.0, 1.0, 1.0]
    kept = replace(made, times=times).thinned(1, seed=0)
    assert kept.counted.sum() == (made.gain * times).sum()


def test_the_last_instant_is_kept_apart_and_whole() -> None:
    lessons = Lessons.of([table(0), table(1), table(2)], others=3, seed=0)
    assert lessons.past is lessons.before_exam
    assert lessons.past is not None
    assert lessons.past.sizes.tolist() == [2 + 3] * 2 * N_USERS
    assert lessons.exam.sizes.tolist() == [N_ITEMS] * N_USERS
    assert lessons.everything().sizes.tolist() == [2 + 3] * 3 * N_USERS


def test_without_an_instant_before_or_answers_there_is_no_exam() -> None:
    alone = Lessons.of([table(0)], others=3, seed=0)
    assert alone.before_exam is None
    assert alone.everything() is alone.last
    assert Lessons.of([table(0), table(1, gain=False)], others=3, seed=0).before_exam is None
    assert Lessons.of([table(0, gain=False), table(1)], others=3, seed=0).before_exam is None
