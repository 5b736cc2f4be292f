"""What is known of a judged policy: probabilities, or nothing."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.slates import Marginals
from recsys.evaluation.off_policy.judging.target import Target

NAN = float("nan")


def target(**parts) -> Target:
    whole = {"probability": np.array([0.5, NAN, 1.0]), "outside": np.array([0.0, NAN])}
    return Target(**whole | parts)


def test_what_is_unknown_may_be():
    found = target(value=np.array([NAN, -3.0]), pseudo=np.array([-2.0, NAN]), trained_until=5)
    assert (found.marginal, found.trained_until) == (None, 5)
    target(marginal=Marginals(logged=np.full(3, NAN), target=np.full(3, NAN)))
    target(probability=np.full(3, 1 + 1e-12))


@pytest.mark.parametrize(
    ("name", "size"), [("probability", 4), ("outside", 3), ("value", 3), ("pseudo", 3), ("marginal", 2)]
)
def test_arrays_that_do_not_fit_each_other_are_refused(name, size):
    values = np.full(size, 0.5)
    part = Marginals(logged=np.full(3, 0.5), target=values) if name == "marginal" else values
    if name in {"probability", "outside"}:  # the others go by these
        part = part[:, None]
    with pytest.raises(ShapeError, match=rf"^Target\.{name}.*: expected shape \(.*,\), got \({size},.*\); make all"):
        target(**{name: part})


@pytest.mark.parametrize(("name", "bad"), [("probability", 1.1), ("probability", -0.1), ("outside", 2.0)])
def test_what_is_no_probability_is_refused(name, bad):
    values = np.full(3 if name == "probability" else 2, 0.5)
    values[1] = bad
    with pytest.raises(
        ShapeError, match=rf"^Target\.{name}: expected probabilities in \[0, 1\], .*got {bad:g} at 1; no"
    ):
        target(**{name: values})


@pytest.mark.parametrize("name", ["logged", "target"])
def test_marginals_that_are_no_probabilities_are_refused(name):
    parts = {"logged": np.full(3, 0.5), "target": np.full(3, 0.5), name: np.array([0.5, 0.5, 7.0])}
    with pytest.raises(ShapeError, match=rf"^Target\.marginal\.{name}: .*got 7 at 2"):
        target(marginal=Marginals(**parts))


@pytest.mark.parametrize("name", ["value", "pseudo"])
def test_what_is_no_number_is_refused(name):
    with pytest.raises(ShapeError, match=rf"^Target\.{name}: expected finite numbers, .*got inf at request 1; leave"):
        target(**{name: np.array([0.5, np.inf])})
