"""The audience: click probabilities by hand, who asks, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.simulation.world import World
from tests.evaluation.simulation.small import WORLD, clicks

ONE = World(
    attract=np.array([[0.5, 0.2, 0.4]]),
    kind=np.zeros(4, np.int32),
    share=np.array([0.1, 0.2, 0.3, 0.4]),
    examine=np.array([1.0, 0.5]),
)
NONE = np.zeros(1, np.int32)


def test_clicks_by_hand():
    item = np.array([[0, 2]], np.int32)
    assert ONE.expected(NONE, item).tolist() == [[0.5, 0.2]]
    assert replace(ONE, cascade=1).expected(NONE, item).tolist() == [[0.5, 0.1]]
    assert replace(ONE, cascade=0.5).expected(NONE, item)[0] == pytest.approx([0.5, 0.15])


def test_clicks_one_at_a_time():
    rng = np.random.default_rng(0)
    item = np.array([rng.permutation(5)[:3] for _ in range(50)], np.int32)
    kind = rng.integers(2, size=50, dtype=np.int32)
    expected = [clicks(WORLD, k, tuple(row)) for k, row in zip(kind.tolist(), item.tolist(), strict=True)]
    assert WORLD.expected(kind, item) == pytest.approx(np.array(expected), rel=1e-12)


def test_a_list_that_has_ended_earns_nothing_more():
    world = replace(ONE, cascade=1)
    item = np.array([[2, -1], [-1, -1]], np.int32)
    assert world.expected(np.zeros(2, np.int32), item).tolist() == [[0.4, 0], [0, 0]]


def test_users_ask_by_their_share():
    count = np.bincount(ONE.users(100_000, np.random.default_rng(0)), minlength=4)
    # 3 degrees of freedom: above 24 once in 40,000 times
    assert (((count - 100_000 * ONE.share) ** 2) / (100_000 * ONE.share)).sum() < 24


def test_a_sample_has_the_mix_of_its_world():
    world = replace(ONE, attract=np.full((2, 3), 0.1), kind=np.array([0, 1, 0, 1], np.int32))
    assert world.mix == pytest.approx([0.4, 0.6])
    sample = world.drawn(20_000, 1)
    assert sample.mix == pytest.approx([0.4, 0.6], abs=0.015)
    assert set(sample.share) == {1 / 20_000}


def test_positions_are_looked_at_less_and_less():
    assert World.random(n_users=2, n_items=4, positions=4).examine == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": np.array([0, 0, 0, 1], np.int32)}, "expected a kind below 1 and a share for each user"),
        ({"kind": np.zeros(3, np.int32)}, r"got kind \(3,\), share \(4,\)"),
        ({"examine": np.full(4, 0.5)}, "at most 3 positions"),
        ({"attract": np.array([[0.5, 1.2, 0.1]])}, r"expected probabilities in \[0, 1\]"),
        ({"attract": np.array([[0.5, np.nan, 0.1]])}, r"expected probabilities in \[0, 1\]"),
        ({"share": np.full(4, 0.3)}, "got shares of sum 1.2"),
        ({"cascade": -0.1}, "cascade -0.1"),
        ({"icc": 1.5}, "icc 1.5"),
    ],
)
def test_a_world_that_does_not_fit_is_refused(change, text):
    with pytest.raises(ShapeError, match=text):
        replace(ONE, **change)
