import numpy as np

from tests.ranking.small_tables import N_ITEMS, N_USERS, table


def test_only_some_of_what_was_not_taken_is_kept() -> None:
    made = table(0)
    few = made.thinned(3, seed=0)
    assert np.bincount(made.rows, few).tolist() == [2 + 3] * N_USERS
    assert few[made.gain > 0].all()
    assert made.thinned(99, seed=0).all()


def test_which_are_kept_is_a_matter_of_the_seed() -> None:
    first, again, other = (table(0).thinned(3, seed=seed).tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_useful_users_took_something_and_left_something() -> None:
    made = table(0, n_users=3)
    made.gain[:N_ITEMS] = 0
    made.gain[N_ITEMS : 2 * N_ITEMS] = 1
    assert made.useful.tolist() == [False, False, True]


def test_rows_and_sizes() -> None:
    made = table(0, n_users=2)
    assert made.rows.tolist() == [0] * N_ITEMS + [1] * N_ITEMS
    assert made.sizes.tolist() == [N_ITEMS, N_ITEMS]
