"""Who is compared, and with whom."""

import pytest

from recsys.evaluation.experiment.arms import DEFAULT, HOLDOUT, Control, compared
from recsys.evaluation.refusal import Refusal
from serving import experiments, treatment


def test_the_words_are_those_of_the_service():
    assert (HOLDOUT, DEFAULT) == (experiments.HOLDOUT, treatment.DEFAULT)


@pytest.mark.parametrize(
    ("users", "shares", "arm", "why"),
    [
        ({"a": 900, "holdout": 50, "b": 10}, {}, "holdout", "no experiment touches it"),
        ({"a": 900, "holdout": 49, "b": 10}, {}, "a", "it has the most users"),
        ({"a": 900, "default": 3}, {}, "default", "its users are in no experiment"),
        ({"a": 900, "b": 990}, {"a": 0.7, "b": 0.3}, "a", "it was meant to have the largest share"),
        ({"a": 900, "b": 990}, {"a": 0.5, "b": 0.5}, "b", "it has the most users"),
        ({"b": 9, "a": 9}, {}, "a", "it has the most users"),
    ],
)
def test_the_control_is_who_is_not_treated_else_the_largest(users, shares, arm, why):
    assert Control.of(users, shares, None) == Control(arm=arm, why=why)


def test_the_control_that_was_asked_for():
    users = {"a": 1, "holdout": 900}
    assert Control.of(users, {}, "a") == Control(arm="a", why="it was asked for")
    found = Control.of(users, {}, "A")
    assert isinstance(found, Refusal)
    assert found.name == "unknown-control"
    assert found.because == "No user of the log has arm 'A' alone; there are a, holdout."


def test_users_in_no_experiment_are_compared_where_asked_or_needed():
    names = {"a", "b", "default"}
    assert compared(names, asked=None, shares={"a": 0.5, "b": 0.5}) == {"a", "b"}
    assert compared(names, asked="default", shares={}) == names
    assert compared(names, asked=None, shares={"a": 0.5, "default": 0.5}) == names
    assert compared({"a", "holdout", "default"}, asked=None, shares={}) == {"a", "holdout"}
    assert compared({"a", "default"}, asked=None, shares={}) == {"a", "default"}
