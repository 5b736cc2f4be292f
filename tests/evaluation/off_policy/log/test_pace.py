"""Days and rates, by arithmetic."""

from math import log

import numpy as np
import pytest

from recsys.evaluation.off_policy.log.pace import Pace, mean_span, rate
from recsys.schema import DAY


def pace(policy: str | None, value: float | None, length: float = 1.0) -> Pace:
    return Pace(answers=100, span=4.0 * DAY, length=length, policy=policy, rate=value)


def test_longer_is_what_is_missing():
    assert pace(None, None).longer(2.5) == "about 6 days more of logging like this one (4 days so far)"
    assert pace(None, None).of(50) == "50 answers, 48 hours at the pace of this log"


def test_a_log_of_one_instant_has_no_pace():
    still = Pace(answers=3, span=0.0, length=1.0)
    assert still.longer(2.5) == "a log 2.5 times as long"
    assert still.of(5000) == "5,000 answers"


@pytest.mark.parametrize(
    ("policy", "value", "length", "words"),
    [
        ("epsilon_greedy", 0.1, 1.0, "epsilon about 0.4 (now 0.1)"),  # 0.1 · .01/.0025
        ("epsilon_greedy", 0.1, 2.0, "epsilon about 0.2 (now 0.1)"),  # 0.1 · √4
        ("epsilon_greedy", 0.5, 1.0, "more than epsilon 1 can give (now 0.5): shorter lists, or this policy as an arm"),
        ("plackett_luce", 0.1, 5.0, f"temperature about {0.1 * log(0.0025) / log(0.01):.2g} (now 0.1)"),
        (None, None, 1.0, "more exploration (a larger epsilon, a higher temperature), or this policy as an arm"),
    ],
)
def test_bolder_is_the_rate_that_would_do(policy, value, length, words):
    assert pace(policy, value, length).bolder(0.0025, 0.01).startswith(words)


def test_a_greedy_policy_counts_for_the_share_that_epsilon_gives():
    """A place of m items: judged is one that is not the best, drawn with epsilon / m; its weight is m / epsilon."""
    m, wanted = 20, 0.01
    share = 0.1 / m  # E[w]² / E[w²] = 1 / (m / epsilon)
    needed = float(pace("epsilon_greedy", 0.1).bolder(share, wanted).split()[2])
    assert needed / m == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("params", "value"),
    [
        (['{"temperature":0.5}'], 0.5),
        (['{"temperature":0.5}', '{"temperature":1}'], None),
        (['{"temperature":0.5}', None], None),
        (["no json"], None),
        (['{"temperature":"warm"}'], None),
        (['{"temperature":[1]}'], None),
        (['{"temperature":NaN}'], None),
        (['{"temperature":0}'], None),
        (["3"], None),
    ],
)
def test_a_rate_is_told_where_it_is_one(params, value):
    assert rate(["plackett_luce"] * len(params), params) == ("plackett_luce", value)


def test_several_policies_have_no_rate():
    assert rate(["plackett_luce", "epsilon_greedy"], ['{"temperature":1}', '{"epsilon":1}']) == (None, None)
    assert rate([None], [None]) == rate(["own"], ["{}"]) == (None, None)


def test_mean_span():
    assert mean_span(np.array([0, 5, 20])) == 10
    assert mean_span(np.array([3])) == 0
