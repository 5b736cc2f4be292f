"""Who drew the lists of a log."""

import pytest

from recsys.errors import SchemaError
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.ways import Ways
from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce
from tests.evaluation.off_policy.small_log import GOOD, LATER, answer, log


def logged(*more: dict) -> Logged:
    rows = [answer(f"r{n}", n, "x", "y", **each) for n, each in enumerate(more)]
    return Logged.of(log(rows, [GOOD]), as_of=LATER)


def test_each_request_has_its_policy():
    greedy = {"policy": "epsilon_greedy", "params": '{"epsilon":0.2}'}
    ways = Ways.of(logged({}, greedy, {"params": '{"temperature":0.7}'}, {}, greedy))
    assert [ways.policies[way] for way in ways.which] == [
        PlackettLuce(temperature=0.1),
        EpsilonGreedy(epsilon=0.2),
        PlackettLuce(temperature=0.7),
        PlackettLuce(temperature=0.1),
        EpsilonGreedy(epsilon=0.2),
    ]
    assert len(ways.policies) == 3


def test_one_policy_for_all():
    ways = Ways.alone(PolicyConfig(kind="deterministic"), 2)
    assert (ways.policies, ways.which.tolist()) == ((EpsilonGreedy(epsilon=0),), [0, 0])
    assert Ways.alone(PolicyConfig(kind="epsilon_greedy", epsilon=0.5), 1).policies == (EpsilonGreedy(epsilon=0.5),)


@pytest.mark.parametrize(
    "more",
    [
        {"policy": "mine"},
        {"policy": None},
        {"params": "[]"},
        {"params": "{"},
        {"params": '{"temperature":-1}'},
        {"params": '{"heat":1}'},
    ],
)
def test_a_policy_that_nobody_knows_is_refused(more):
    with pytest.raises(
        SchemaError, match=r"a policy and its params as recsys serve logs them, got .* in request 'r1'; s"
    ):
        Ways.of(logged({}, more))
