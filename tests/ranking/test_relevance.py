"""A scale of its own for the scores of each request."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.relevance import between, relevance


def test_of_one_and_of_none():
    one, none = np.array([4], np.float32), np.zeros(0, np.float32)
    assert relevance(one, one, 100).tolist() == [0.0]
    assert relevance(one, none, 100).tolist() == [0.0]
    assert relevance(none, none, 100).tolist() == []


def test_equal_scores_are_worth_nothing():
    equal = np.array([4, 4], np.float32)
    assert relevance(equal, equal, 100).tolist() == [0.0, 0.0]


@given(st.lists(st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_matrix_is_its_rows(rows):
    scores = -np.sort(-np.array(rows, np.float32), axis=1)
    best, last = scores[:, :1].astype(np.float64), scores[:, 1:2].astype(np.float64)
    matrix = between(scores.astype(np.float64), best=best, last=last)
    assert matrix.tolist() == [relevance(row, row, 2).tolist() for row in scores]
