"""Two methods over the same users."""

import polars as pl
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.comparison import Comparison


def frame(values):
    return pl.DataFrame(
        {"user_idx": range(len(values)), "recall@20": values}, schema={"user_idx": pl.Int32, "recall@20": pl.Float64}
    )


def compared(ours, other):
    return Comparison.of(frame(ours), frame(other), "recall@20", samples=400)


def test_means_share_and_difference():
    found = compared([0.5, 0.0, 0.25, 0.25], [1.0, 0.5, 0.0, 0.5])
    assert (found.ours, found.other) == (1.0 / 4, 2.0 / 4)
    assert found.share.mean == 1.0 / 2.0
    assert found.difference.mean == (-0.5 - 0.5 + 0.25 - 0.25) / 4


def test_a_loss_of_everybody_is_certain_and_one_that_goes_both_ways_is_not():
    assert compared([0.1, 0.2, 0.3] * 20, [0.3, 0.5, 0.4] * 20).certainly_worse
    assert not compared([0.1, 0.9, 0.3, 0.4], [0.5, 0.1, 0.9, 0.5]).certainly_worse
    assert not compared([0.5] * 9, [0.4] * 9).certainly_worse


def test_the_same_loss_for_all_is_certain_unless_there_is_one_user():
    assert compared([0.0] * 9, [0.5] * 9).certainly_worse
    assert not compared([0.0], [0.5]).certainly_worse


def test_what_few_users_lose_is_not_certain():
    few = compared([0.0] * 300, [1.0] * 8 + [0.0] * 292)
    assert few.difference.differing == 8
    assert few.difference.high < 0
    assert not few.certainly_worse
    assert compared([0.0] * 300, [1.0] * 9 + [0.0] * 291).certainly_worse


def test_nothing_to_lose():
    found = compared([0.0, 0.0], [0.0, 0.0])
    assert found.share is None
    assert not found.certainly_worse


def test_a_user_without_a_value_is_left_out():
    assert compared([0.5, None], [1.0, None]).ours == 0.5


def test_other_users_are_refused():
    with pytest.raises(ShapeError, match="the same users"):
        Comparison.of(frame([1.0]), frame([1.0, 2.0]), "recall@20")
