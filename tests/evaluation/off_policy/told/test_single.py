"""Lists of one place."""

import numpy as np

from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.single import one_place, single_places
from tests.evaluation.off_policy.small_log import GOOD, LATER, answer, log, many


def test_nothing_stands_above():
    rows = [answer("r0", 0, "x", propensity=0.25), answer("e", 1), answer("r2", 2, "x", propensity=0.5)]
    logged = Logged.of(log(rows, [GOOD]), as_of=LATER)
    assert one_place(logged)
    marginal, pseudo = single_places(logged, np.array([0.75, np.nan]))
    np.testing.assert_array_equal(marginal.logged, [0.25, np.nan])
    np.testing.assert_array_equal(marginal.target, [0.75, np.nan])
    np.testing.assert_array_equal(pseudo, [3, 1, np.nan])


def test_two_places_are_not_one():
    assert not one_place(Logged.of(log(many(2), [GOOD]), as_of=LATER))
