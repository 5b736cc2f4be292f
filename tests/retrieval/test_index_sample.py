import numpy as np
import pytest

from recsys.retrieval.index_sample import sample


def test_all_are_learned_from_where_they_are_few():
    assert sample(10, None, 10) is None
    assert sample(10, np.zeros(10, np.bool_), 10) is None


def test_only_known_ones_are_learned_from():
    known = np.arange(10) % 2 == 1
    assert sample(10, known, 5).tolist() == [1, 3, 5, 7, 9]
    drawn = sample(10, known, 3)
    assert len(set(drawn.tolist())) == 3
    assert known[drawn].all()


@pytest.mark.parametrize("known", [None, np.zeros(1000, np.bool_)])
def test_of_too_many_some_are_drawn_ascending_and_the_same_each_time(known):
    drawn = sample(1000, known, 100)
    assert (len(drawn), drawn.min() >= 0, drawn.max() < 1000) == (100, True, True)
    assert (np.diff(drawn) > 0).all()
    assert drawn.tolist() == sample(1000, known, 100).tolist()
    assert drawn.mean() == pytest.approx(500, abs=100)  # three standard errors
