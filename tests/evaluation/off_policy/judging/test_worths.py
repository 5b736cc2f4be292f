"""Worths of items fit the log they are of."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.judging.worths import Worths
from tests.evaluation.off_policy.asked_again import logged_of, world

LOGGED = logged_of(world(0, n=2))
K = len(LOGGED.candidates.item)
GOOD = Worths(predicted=np.zeros(6), each=np.zeros(K), others=np.zeros(2), looked=np.ones((2, 3)))


def test_worths_of_the_log_are_taken():
    GOOD.check(LOGGED)
    replace(GOOD, looked=np.ones((2, 9))).check(LOGGED)


@pytest.mark.parametrize(
    ("part", "got"),
    [
        ({"predicted": np.zeros(5)}, f"2, 5 and {K}"),
        ({"each": np.zeros(3)}, "2, 6 and 3"),
        ({"others": np.zeros(1), "looked": np.ones((1, 3))}, f"1, 6 and {K}"),
    ],
)
def test_worths_of_another_log_are_refused(part, got):
    with pytest.raises(
        ShapeError, match=rf"expected 2 requests, 6 rows and {K} candidates as the log has, got {got}; t"
    ):
        replace(GOOD, **part).check(LOGGED)


def test_places_that_are_missing_are_refused():
    with pytest.raises(ShapeError, match=r"Worths\.looked: expected at least 3 places, .*, got 2; repeat the last one"):
        replace(GOOD, looked=np.ones((2, 2))).check(LOGGED)
    with pytest.raises(ShapeError, match=r"Worths\.looked: expected 2 rows, one for each request, got 3"):
        replace(GOOD, looked=np.ones((3, 3)))


@pytest.mark.parametrize("name", ["predicted", "each", "others", "looked"])
def test_what_is_no_number_is_refused(name):
    bad = getattr(GOOD, name).copy()
    bad.flat[0] = np.nan
    with pytest.raises(ShapeError, match=rf"Worths\.{name}: expected finite numbers, got nan; fit"):
        replace(GOOD, **{name: bad})
    with pytest.raises(ShapeError, match=rf"Worths\.{name}: expected . dimensions, got shape"):
        replace(GOOD, **{name: bad[None]})
