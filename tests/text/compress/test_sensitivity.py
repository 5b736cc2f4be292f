"""Which groups stay fp32."""

import pytest

from recsys.text.compress.graph import Group
from recsys.text.compress.sensitivity import spared

LOSS = {"a": 1.0, "b": 5.0, "c": 2.0}
EVERY = [Group(states=name, nodes=(name,)) for name in LOSS]


def loss(chosen):
    return sum(LOSS[group.states] for group in chosen)


@pytest.mark.parametrize(
    ("limit", "most", "kept"),
    [(8, 3, ""), (7.9, 3, "b"), (3, 3, "b"), (2.9, 3, "bc"), (0.5, 3, "bca"), (0, 2, "bc"), (0, 0, "")],
)
def test_the_most_sensitive_first_and_no_more_than_the_limit_asks_for(limit, most, kept):
    assert "".join(group.states for group in spared(EVERY, loss, limit=limit, most=most)) == kept


def test_nothing_is_measured_one_by_one_where_all_together_lose_little():
    asked = []
    spared(EVERY, lambda chosen: asked.append(len(chosen)) or 0.0, limit=0.1, most=2)
    assert asked == [3]
