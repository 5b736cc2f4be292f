"""What users were shown."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.text.impressions import Impressions

DAY = 10


def made(rows):
    columns = np.array(sorted((u, at, t) for u, t, at in rows), np.int64).reshape(-1, 3).T
    user, at, text = columns
    return Impressions(user=user.astype(np.int32), text=text.astype(np.int32), at=at)


def test_what_is_taken_is_not_left():
    left = made([(0, 5, 1), (0, 6, 2), (1, 5, 3)]).left(np.array([0, 1], np.int32), np.array([5, 9], np.int32))
    assert list(zip(left.user.tolist(), left.text.tolist(), strict=True)) == [(0, 6), (1, 5)]


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 40)), max_size=12)
MOMENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=6)


@given(rows=ROWS, moments=MOMENTS)
def test_spans_are_the_users_own_of_the_day_up_to_the_moment(rows, moments):
    impressions = made(rows)
    user, at = np.array(moments, np.int64).T
    for (u, t), (first, last) in zip(moments, impressions.spans(user.astype(np.int32), at, day=DAY), strict=True):
        expected = [i for i in range(len(impressions)) if impressions.user[i] == u and t - DAY < impressions.at[i] <= t]
        assert list(range(first, last)) == expected
