from dataclasses import replace

import numpy as np

from recsys.ranking.queries import GRADES, MAX_GRADE, Queries
from tests.ranking.small_tables import N_ITEMS, table


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
    few = replace(made, times=times)
    kept = Queries.of(few, kept=few.thinned(1, seed=0))
    assert kept.sizes.tolist() == [2 + 1] * 3
    assert kept.weight.tolist() == got.weight.tolist()
    assert sorted(kept.label.tolist()) == [0, 0, 0, 10, 10, 10, 40, 40, 40]


def test_features_left_out_are_neither_named_nor_read() -> None:
    got = Queries.of(table(0), without=frozenset({"noise"}))
    assert got.names == ("telling",)
    assert np.array_equal(got.values, table(0).features.values[:, :1])


def test_some_users_keep_all_that_is_theirs() -> None:
    whole = Queries.of(table(0, n_users=3))
    some = whole.where(np.array([True, False, True]))
    assert some.sizes.tolist() == [N_ITEMS, N_ITEMS]
    rows = np.repeat([True, False, True], N_ITEMS)
    assert np.array_equal(some.values, whole.values[rows], equal_nan=True)
    assert np.array_equal(some.label, whole.label[rows])
    both = Queries.joined([some, whole])
    assert np.array_equal(both.values, np.concatenate([some.values, whole.values]), equal_nan=True)
    assert both.sizes.tolist() == [N_ITEMS] * 5
