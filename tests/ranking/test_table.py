import numpy as np

from tests.ranking.small_tables import N_ITEMS, N_USERS, table


def test_only_some_of_what_was_not_taken_is_kept() -> None:
    few = table(0).thinned(3, seed=0)
    assert few.sizes.tolist() == [2 + 3] * N_USERS
    assert few.gain.sum() == table(0).gain.sum()
    whole = {row.tobytes() for row in table(0).features.values}
    assert all(row.tobytes() in whole for row in few.features.values)
    assert len(table(0).thinned(99, seed=0).gain) == N_USERS * N_ITEMS


def test_which_are_kept_is_a_matter_of_the_seed() -> None:
    first, again, other = (table(0).thinned(3, seed=seed).features.item_idx.tolist() for seed in (0, 0, 1))
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
    assert made.drop(frozenset({"noise"})).features.names == ("telling",)
    assert np.array_equal(made.drop(frozenset({"noise"})).gain, made.gain)
