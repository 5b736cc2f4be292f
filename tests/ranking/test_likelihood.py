"""How likely a list was under a policy: as `select` says of its own draws, and by enumeration."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.ranking.likelihood import Likelihood, likelihood
from recsys.ranking.policy import EpsilonGreedy, Exploration, PlackettLuce, Policy, randomness
from recsys.ranking.selection import select
from tests.ranking.stock import book, scored, unit

N = 8
ROW = [(item, float(score)) for item, score in zip([3, 0, 5, 1, 7, 2, 6, 4], [9, 8, 7, 5, 4, 2, 1, 0], strict=True)]
KINDS = ["tea", "tea", "cup", "tea", "cup", "cup", None, "pot"]
BRANDS = ["x", None, "x", "y", "y", "x", "z", None]
VECTORS = unit(np.random.default_rng(0), N)
POLICIES: list[Policy] = [PlackettLuce(temperature=0.3), EpsilonGreedy(epsilon=0.4), EpsilonGreedy(epsilon=0)]
RULES = st.fixed_dictionaries(
    {},
    optional={
        "boosts": st.just([{"by": "category", "value": "cup", "add": 0.3}]),
        "caps": st.sampled_from(
            [
                [{"by": "category", "most": 1}],
                [{"by": "category", "most": 2}, {"by": "brand", "most": 1}],
            ]
        ),
        "quotas": st.just([{"by": "category", "value": "cup", "least": 2}]),
        "pins": st.sampled_from(
            [[{"item_id": "i06", "rank": 2}], [{"item_id": "i06", "rank": 3}, {"item_id": "i01", "rank": 7}]]
        ),
        "diversity": st.fixed_dictionaries(
            {"strength": st.just(0.4), "depth": st.sampled_from([3, 8]), "method": st.sampled_from(["mmr", "dpp"])}
        ),
    },
)


def of(lists: list[list[int]], rules: dict, policy: Policy, *, k: int | None, drawn_from=None, **more) -> Likelihood:
    return likelihood(
        scored(*[ROW for _ in lists], **more),
        book(rules, KINDS, brands=BRANDS),
        VECTORS,
        policy,
        indptr=np.cumsum([0, *map(len, lists)]).astype(np.int64),
        item_idx=np.array([item for each in lists for item in each], np.int32),
        k=[k] * len(lists),
        drawn_from=drawn_from,
    )


@settings(max_examples=300)
@given(RULES, st.sampled_from(POLICIES), st.sampled_from([None, 3, 5, 20]), st.integers(0, 10**6))
def test_it_is_the_propensity_that_a_draw_tells_of_itself(
    rules: dict, policy: Policy, k: int | None, seed: int
) -> None:
    pinnable = (1, 6)
    exploration = Exploration(policy=policy, sources=[randomness(seed, "r")])
    drawn = select(
        scored(ROW, pinnable=pinnable), book(rules, KINDS, brands=BRANDS), VECTORS, k=k, exploration=exploration
    )
    found = of([drawn.item_idx.tolist()], rules, policy, k=k, pinnable=pinnable, drawn_from=np.ones((1, N), np.bool_))
    np.testing.assert_allclose(found.probability, drawn.propensity, rtol=1e-5)
    assert found.outside.tolist() == [0]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"caps": [{"by": "category", "most": 1}]},
        {"quotas": [{"by": "category", "value": "cup", "least": 2}]},
        {"pins": [{"item_id": "i06", "rank": 2}], "diversity": {"strength": 0.4, "depth": 8}},
    ],
)
def test_all_lists_together_are_certain(rules: dict, policy: Policy) -> None:
    lists = [list(each) for each in permutations(range(N), 3)]
    found = of(lists, rules, policy, k=3, pinnable=(6,))
    each = found.probability.reshape(-1, 3).prod(axis=1)
    assert each.sum() == pytest.approx(1, abs=1e-12)
    assert np.isnan(found.outside).all()


def test_the_best_is_all_that_who_does_not_explore_takes() -> None:
    found = of([[3, 0, 5], [3, 5, 0], [3, 0]], {}, EpsilonGreedy(epsilon=0), k=3)
    assert found.probability.tolist() == [1, 1, 1, 1, 0, 0, 1, 1]


def test_what_nobody_knows_is_not_drawn_and_ends_it() -> None:
    found = of([[-1, 3], [3, 3]], {}, POLICIES[0], k=2)
    assert found.probability[[0, 1, 3]].tolist() == [0, 0, 0]
    assert found.probability[2] > 0


def test_what_the_policy_gives_to_others_is_outside() -> None:
    """Item 3 is the best: of 8, .4 / 8 + .6; without it each of 7 left .4 / 7, the next best .6 more."""
    drawn_from = np.ones((2, N), np.bool_)
    drawn_from[:, [3, 4]] = False
    found = of([[0, 5], [3]], {}, EpsilonGreedy(epsilon=0.4), k=2, drawn_from=drawn_from)
    first, second = 0.4 / 8 + 0.6 + 0.4 / 8, 0.4 / 7 + 0.6 + 0.4 / 7
    assert found.probability.tolist() == pytest.approx([0.4 / 8, 0.4 / 7, 0.4 / 8 + 0.6])
    assert found.outside[0] == pytest.approx(1 - (1 - first) * (1 - second))
    (one,) = of([[5]], {}, EpsilonGreedy(epsilon=0.4), k=1, drawn_from=drawn_from[:1]).outside
    assert one == pytest.approx(first)


def test_a_list_that_ended_too_early_for_the_policy_tells_of_what_it_would_have_added() -> None:
    """Nothing but items 0 and 5 was there to draw from: whatever stands third is another."""
    drawn_from = np.zeros((2, N), np.bool_)
    drawn_from[:, [0, 5]] = True
    policy = EpsilonGreedy(epsilon=1)
    found = of([[0, 5], []], {}, policy, k=3, drawn_from=drawn_from)
    assert found.outside.tolist() == pytest.approx([1, 6 / 8])
    assert of([[0, 5]], {}, policy, k=2, drawn_from=drawn_from[:1]).outside[0] == pytest.approx(1 - 2 / 8 * 1 / 7)


def test_not_as_many_lists_as_requests() -> None:
    with pytest.raises(ShapeError, match="Expected a list and its k for each of 1 requests, got 2 and 1"):
        likelihood(
            scored(ROW),
            book({}, KINDS),
            VECTORS,
            POLICIES[0],
            indptr=np.array([0, 1, 2]),
            item_idx=np.array([0, 1], np.int32),
            k=[2],
        )
