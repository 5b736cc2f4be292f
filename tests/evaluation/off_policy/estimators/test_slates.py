"""Sums and products over the rows of a request, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.slates import Fitted, Marginals
from tests.evaluation.off_policy.small_slates import as_lists, fitted, slates, slates_of, weight_of

LOG = slates_of([[], [(1, 0.5, 0.25), (2, 0.25, 0.75)], [], [(4, 0.5, 1.0)], []])


def test_empty_lists_take_nothing_from_their_neighbours():
    assert len(LOG) == 5
    assert LOG.rewards().tolist() == [0, 1 + 2, 0, 4, 0]
    assert LOG.weights().tolist() == [1, 0.5 * 3, 1, 2, 1]
    assert LOG.ratios().tolist() == [0.5, 3, 2]
    assert LOG.cumulative_weights().tolist() == [0.5, 1.5, 2]


@pytest.mark.parametrize("n", [0, 3])
def test_a_log_without_rows(n):
    log = slates_of([[]] * n)
    assert log.rewards().tolist() == [0] * n
    assert log.weights().tolist() == [1] * n
    assert log.cumulative_weights().tolist() == []


@settings(max_examples=60, deadline=None)
@given(slates())
def test_a_second_implementation_agrees(world):
    lists = as_lists(world)
    np.testing.assert_allclose(world.rewards(), [sum(r.reward for r in rows) for rows, _, _ in lists], rtol=1e-12)
    np.testing.assert_allclose(world.weights(), [weight_of(rows) for rows, _, _ in lists], rtol=1e-12)
    running = [weight_of(rows[: j + 1]) for rows, _, _ in lists for j in range(len(rows))]
    np.testing.assert_allclose(world.cumulative_weights(), running, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(slates())
def test_nothing_that_is_given_is_altered(world):
    before = [each.copy() for each in (world.reward, world.logged, world.target)]
    world.weights(), world.cumulative_weights(), world.rewards()
    for a, b in zip(before, (world.reward, world.logged, world.target), strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.filterwarnings("error")
def test_a_weight_beyond_every_number_is_one_that_can_still_be_squared():
    log = slates_of([[(1, 1e-300, 1.0)] * 2, [(1, 1e-300, 1.0)] * 2 + [(1, 0.5, 0.0)]])
    assert log.weights().tolist() == [1e100, 0]
    assert log.cumulative_weights().tolist() == [1e100, 1e100, 1e100, 1e100, 0]


def test_the_model_is_handed_out_or_missed_by_name():
    model = fitted([1, 2, 3], [0] * 5)
    assert replace(LOG, model=model).fitted("DR") is model
    with pytest.raises(ShapeError, match=r"^DR: expected what a reward model says.*got None; fit one, or leave"):
        LOG.fitted("DR")


@pytest.mark.parametrize(
    ("indptr", "said"),
    [
        ([0, 2, 1, 3, 3, 3], r"got \[0 2 1 3 3 3\]; sort"),
        ([0, 0, 2, 2, 2], r"rise from 0 to 3, the number of rows"),
        ([1, 1, 2, 3], r"rise from 0 to 3"),
        ([], r"got \[\]"),
    ],
)
def test_bounds_that_do_not_rise_to_the_rows_are_refused(indptr, said):
    with pytest.raises(ShapeError, match=said):
        replace(LOG, indptr=np.array(indptr, np.int64))


NAMES = {
    "user_idx": ("request", 5),
    "reward": ("row", 3),
    "logged": ("row", 3),
    "target": ("row", 3),
    "pseudo": ("request", 5),
}


@pytest.mark.parametrize("name", NAMES.keys() - {"reward"})
def test_arrays_of_another_length_are_refused(name):
    each, size = NAMES[name]
    with pytest.raises(
        ShapeError, match=rf"^Slates.{name}: expected shape \({size},\), one for each {each}, got \(9,\)"
    ):
        replace(LOG, **{name: np.ones(9)})


@pytest.mark.parametrize(("name", "each", "size"), [("predicted", "row", 3), ("value", "request", 5)])
def test_a_model_of_another_length_is_refused(name, each, size):
    sizes = {"predicted": 3, "value": 5, name: 9}
    model = Fitted(**{key: np.ones(length) for key, length in sizes.items()})
    with pytest.raises(ShapeError, match=rf"model.{name}: expected shape \({size},\), one for each {each}, got \(9,\)"):
        replace(LOG, model=model)


@pytest.mark.parametrize("name", ["logged", "target"])
def test_marginals_of_another_length_are_refused(name):
    marginal = Marginals(**{key: np.ones(9 if key == name else 3) for key in ("logged", "target")})
    with pytest.raises(ShapeError, match=rf"marginal.{name}: expected shape \(3,\), one for each row, got \(9,\)"):
        replace(LOG, marginal=marginal)


@pytest.mark.parametrize(
    ("name", "bad", "within"),
    [
        ("logged", 0.0, r"in \(0, 1\]"),
        ("logged", 1.01, r"in \(0, 1\]"),
        ("logged", -0.5, r"in \(0, 1\]"),
        ("logged", np.nan, r"in \(0, 1\]"),
        ("target", -0.1, r"in \[0, 1\]"),
        ("target", 1.01, r"in \[0, 1\]"),
        ("target", np.nan, r"in \[0, 1\]"),
        ("reward", -1.0, "of at least 0"),
        ("reward", np.nan, "of at least 0"),
        ("reward", np.inf, "of at least 0"),
        ("pseudo", np.nan, "that are finite"),
        ("pseudo", -np.inf, "that are finite"),
    ],
)
def test_values_out_of_bounds_are_refused_by_the_place(name, bad, within):
    each, size = NAMES[name]
    values = np.full(size, 0.5)
    values[1] = bad
    with pytest.raises(
        ShapeError, match=rf"^Slates.{name}: expected values {within}, got {bad} at {each} 1; leave that"
    ):
        replace(LOG, **{name: values})


def test_a_user_below_0_is_refused():
    with pytest.raises(ShapeError, match=r"Slates\.user_idx: expected values of at least 0, got -1 at request 4"):
        replace(LOG, user_idx=np.array([0, 1, 2, 3, -1], np.int32))


@pytest.mark.parametrize("name", ["predicted", "value"])
def test_a_model_that_says_no_number_is_refused(name):
    parts = {"predicted": np.ones(3), "value": np.ones(5)}
    parts[name][2] = np.nan
    with pytest.raises(ShapeError, match=f"model.{name}: expected values that are finite, got nan at"):
        replace(LOG, model=Fitted(**parts))


@pytest.mark.parametrize(("name", "bad"), [("logged", 0.0), ("target", -1.0)])
def test_marginals_out_of_bounds_are_refused(name, bad):
    parts = {"logged": np.ones(3), "target": np.ones(3)}
    parts[name][2] = bad
    with pytest.raises(ShapeError, match=rf"marginal.{name}: expected values in .0, 1.*got {bad} at row 2"):
        replace(LOG, marginal=Marginals(**parts))


def test_rounding_above_1_is_let_through():
    replace(LOG, target=np.full(3, 1 + 1e-15), logged=np.full(3, 1 + 1e-15))


@given(slates(), st.integers(0, 2**32 - 1))
def test_some_of_the_requests(world, seed):
    which = np.flatnonzero(np.random.default_rng(seed).random(len(world)) < 0.5)
    part, every = as_lists(world.take(which)), as_lists(world)
    assert part == [every[i] for i in which.tolist()]
    assert world.take(which).user_idx.tolist() == world.user_idx[which].tolist()
    bare = replace(world, model=None, marginal=None, pseudo=None).take(which)
    assert (bare.model, bare.marginal, bare.pseudo) == (None, None, None)
