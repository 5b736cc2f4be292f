"""Numerators and denominators."""

import math

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.terms import Terms


def test_the_estimate_is_a_ratio_of_sums():
    terms = Terms(value=np.array([1.0, 2.0]), weight=np.array([0.5, 0.25]))
    assert terms.estimate == (1 + 2) / 0.75
    assert len(terms) == 2


def test_a_mean_has_weights_of_1():
    terms = Terms.mean(np.array([1.0, 2.0, 6.0]))
    assert terms.weight.tolist() == [1, 1, 1]
    assert terms.estimate == 3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
def test_without_weight_there_is_no_estimate(weights):
    assert math.isnan(Terms(value=np.zeros(len(weights)), weight=np.array(weights)).estimate)


def test_other_shapes_are_refused():
    with pytest.raises(
        ShapeError, match=r"Terms: expected one value and one weight.*got shapes \(2,\) and \(1,\); make"
    ):
        Terms(value=np.zeros(2), weight=np.zeros(1))
