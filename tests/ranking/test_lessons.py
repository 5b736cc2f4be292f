import numpy as np

from recsys.ranking.draw import Draw
from recsys.ranking.lessons import MIB, VALUE, Lessons
from tests.ranking.small_tables import N_ITEMS, N_USERS, table

ROOM = 4096


def test_the_last_instant_is_kept_apart_and_whole() -> None:
    lessons = Lessons.of([table(0), table(1), table(2)], others=3, seed=0, mib=ROOM)
    assert lessons.past is lessons.before_exam
    assert lessons.past is not None
    assert lessons.past.sizes.tolist() == [2 + 3] * 2 * N_USERS
    assert lessons.exam.sizes.tolist() == [N_ITEMS] * N_USERS
    assert lessons.everything().sizes.tolist() == [2 + 3] * 3 * N_USERS
    assert lessons.draw is None


def test_without_an_instant_before_or_answers_there_is_no_exam() -> None:
    alone = Lessons.of([table(0)], others=3, seed=0, mib=ROOM)
    assert alone.before_exam is None
    assert alone.everything() is alone.last
    assert Lessons.of([table(0), table(1, gain=False)], others=3, seed=0, mib=ROOM).before_exam is None
    assert Lessons.of([table(0, gain=False), table(1)], others=3, seed=0, mib=ROOM).before_exam is None


def test_where_there_is_no_room_for_all_users_some_are_drawn_with_all_their_rows() -> None:
    """Each has 10 rows of 2 features of 4 bytes: 1 MiB has room for 13,107 of 30,000."""
    users, rows = 15_000, N_ITEMS
    per_mib = MIB // (VALUE * 2 * rows)
    tables = [table(seed, n_users=users) for seed in (0, 1)]
    drawn = Lessons.of(tables, others=99, seed=0, mib=1)
    assert drawn.past is not None
    assert len(drawn.past) + len(drawn.last) == per_mib
    assert drawn.draw == Draw(users=per_mib, rows=per_mib * rows, of_users=2 * users, of_rows=2 * users * rows)
    assert len(drawn.exam) == users  # what is asked of it needs no room
    whole = Lessons.of(tables, others=99, seed=0, mib=3)
    assert whole.draw is None
    assert whole.past is not None
    places = {values.tobytes(): place for place, values in enumerate(whole.past.values.reshape(-1, rows * 2))}
    kept = [places[values.tobytes()] for values in drawn.past.values.reshape(-1, rows * 2)]
    assert kept == sorted(set(kept))  # whole users, in their order
    assert np.array_equal(drawn.past.label.reshape(-1, rows), whole.past.label.reshape(-1, rows)[kept])
    again = Lessons.of(tables, others=99, seed=0, mib=1)
    assert again.past is not None
    assert again.past.values.tobytes() == drawn.past.values.tobytes()
    other = Lessons.of(tables, others=99, seed=1, mib=1)
    assert other.past is not None
    assert other.past.values.tobytes() != drawn.past.values.tobytes()
