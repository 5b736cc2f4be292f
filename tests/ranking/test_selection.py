"""Lists by rules: by hand, and against a second implementation that knows no arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.config import MAX_RULES
from recsys.ranking.policy import EpsilonGreedy, Exploration, PlackettLuce, randomness
from recsys.ranking.prices import Prices
from recsys.ranking.selection import select
from tests.ranking.stock import book, scored, unit

TEA, CUP = "tea", "cup"
FALLING = [(0, 9.0), (1, 7.0), (2, 6.0), (3, 5.0), (4, 1.0)]
KINDS = [TEA, TEA, CUP, TEA, CUP]
FLAT = np.eye(5, dtype=np.float32)
"""Vectors of five items, all at right angles."""


def listed(rules, rows=(FALLING,), *, k=5, vectors=FLAT, kinds=KINDS, brands=None, taken=(), **more):
    """(items, names of the rules that moved each) of the first row."""
    made = rules if not isinstance(rules, dict) else book(rules, kinds, brands=brands, taken=taken)
    found = select(scored(*rows, **more), made, vectors, k=k)
    part = slice(found.indptr[0], found.indptr[1])
    names = [[name for bit, name in enumerate(found.rule_names) if int(bits) >> bit & 1] for bits in found.rules[part]]
    return found.item_idx[part].tolist(), names


def test_without_rules_the_order_is_the_scores_and_no_bit_is_set():
    found = select(scored(FALLING, FALLING[2:]), book({}, KINDS), FLAT, k=2)
    assert found.item_idx.tolist() == [0, 1, 2, 3]
    assert found.indptr.tolist() == [0, 2, 4]
    assert (found.rules.tolist(), found.rule_names) == ([0] * 4, ())
    assert select(scored(FALLING), book({}, KINDS), FLAT, k=None).item_idx.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("method", ["mmr", "dpp"])
def test_strength_0_leaves_every_bit_as_it_was(method):
    rng = np.random.default_rng(0)
    rows = [sorted(((i, s) for i, s in enumerate(rng.normal(size=30))), key=lambda e: -e[1]) for _ in range(5)]
    kinds, vectors = [TEA] * 30, unit(rng, 30)
    plain = select(scored(*rows), book({}, kinds), vectors, k=20)
    caps = {"caps": [{"by": "category", "most": 30}], "diversity": {"method": method, "strength": 0.0}}
    same = select(scored(*rows), book(caps, kinds), vectors, k=20)
    for name in ("indptr", "item_idx", "score", "interest", "propensity", "sources", "rules"):
        assert getattr(same, name).tobytes() == getattr(plain, name).tobytes()


def test_a_boost_is_in_units_of_the_spread_of_the_scores():
    """From 9 to 1 is a distance of 8: item 2, at 6, needs more than 3 / 8 to be before item 0."""
    assert listed({"boosts": [{"by": "category", "value": CUP, "add": 0.374}]})[0] == [0, 2, 1, 3, 4]
    items, names = listed({"boosts": [{"by": "category", "value": CUP, "add": 0.376}]})
    assert items == [2, 0, 1, 3, 4]
    assert names == [["boosted: category cup"], [], [], [], ["boosted: category cup"]]
    items, names = listed({"boosts": [{"by": "category", "value": TEA, "add": -2}]})
    assert items == [2, 4, 0, 1, 3]
    assert names[2] == ["lowered: category tea"]
    both = [{"by": "category", "value": CUP, "add": 0.2}, {"by": "brand", "value": "x", "add": 0.2}]
    items, names = listed({"boosts": both}, brands=[None, None, "x", None, None])
    assert (items[0], names[0]) == (2, ["boosted: category cup", "boosted: brand x"])


def test_the_spread_is_that_of_the_first_candidates():
    boosts = {"boosts": [{"by": "category", "value": CUP, "add": 1.05}]}
    assert listed(boosts | {"diversity": {"depth": 3}})[0] == [2, 0, 1, 3, 4]  # item 4 has (1 - 6) / (9 - 6) + 1.05
    assert listed(boosts)[0] == [2, 4, 0, 1, 3]  # 0 + 1.05 against 1


def test_a_boost_has_something_to_decide_where_all_scores_are_equal():
    assert listed({"boosts": [{"by": "category", "value": CUP, "add": 0.1}]}, [[(i, 3.0) for i in range(5)]])[0] == [
        2, 4, 0, 1, 3,
    ]  # fmt: skip


@given(
    scores=st.lists(st.integers(-50, 50), min_size=5, max_size=5, unique=True),
    scale=st.sampled_from([2.0**-10, 0.5, 1.0, 4.0, 2.0**10]),
    shift=st.integers(-100, 100),
    strength=st.sampled_from([0.0, 0.3]),
)
def test_lists_are_the_same_on_any_scale_of_scores(scores, scale, shift, strength):
    rules = {"boosts": [{"by": "category", "value": CUP, "add": 0.3}], "diversity": {"strength": strength}}
    row = sorted(enumerate(map(float, scores)), key=lambda entry: -entry[1])
    moved = [(item, score * scale + shift * scale) for item, score in row]
    vectors = unit(np.random.default_rng(4), 5)
    assert listed(rules, [row], vectors=vectors) == listed(rules, [moved], vectors=vectors)


def test_an_item_that_is_there_for_its_pin_alone_does_not_stretch_the_spread():
    rules = {"pins": [{"item_id": "i00", "rank": 4}], "boosts": [{"by": "category", "value": CUP, "add": 0.2}]}
    row = [(0, 99.0), *FALLING[1:]]
    # item 2 has 5 / 6 + .2 of the distance from 7 to 1, more than 1
    for k in (3, 4):
        assert listed(rules, [row], pinnable=[0], unasked=[0], k=k)[0][:3] == [2, 1, 3]


def test_a_pin_stands_at_its_rank_and_the_others_around_it():
    rules = {"pins": [{"item_id": "i04", "rank": 2}, {"item_id": "i03", "rank": 1}]}
    items, names = listed(rules, pinnable=[3, 4], k=4)
    assert items == [3, 4, 0, 1]
    assert names == [["pinned"], ["pinned"], [], []]


def test_a_pin_that_may_not_be_shown_or_lies_beyond_the_list_is_none():
    rules = {"pins": [{"item_id": "i04", "rank": 3}]}
    assert listed(rules, pinnable=[], k=3)[0] == [0, 1, 2]
    assert listed(rules, pinnable=[4], k=3)[0] == [0, 1, 4]
    assert listed(rules, pinnable=[4], k=2)[0] == [0, 1]


def test_an_item_that_is_there_for_its_pin_alone_is_nowhere_else():
    rules = {"pins": [{"item_id": "i00", "rank": 3}]}
    assert listed(rules, pinnable=[0], unasked=[0], k=3)[0] == [1, 2, 0]
    assert listed(rules, pinnable=[0], unasked=[0], k=2)[0] == [1, 2]
    assert listed(rules, pinnable=[0], unasked=[0], k=5)[0] == [1, 2, 0, 3, 4]


def test_pins_beyond_a_short_list_stand_at_its_end():
    rules = {"pins": [{"item_id": "i00", "rank": 9}, {"item_id": "i01", "rank": 7}]}
    assert listed(rules, pinnable=[0, 1], k=10)[0] == [2, 3, 4, 1, 0]


def test_a_cap_shuts_out_what_is_over_it_and_may_make_a_list_shorter():
    assert listed({"caps": [{"by": "category", "most": 1}]})[0] == [0, 2]
    assert listed({"caps": [{"by": "category", "most": 2}]}, k=4)[0] == [0, 1, 2, 4]


def test_items_without_a_category_may_repeat():
    assert listed({"caps": [{"by": "category", "most": 1}]}, kinds=[None, None, TEA, TEA, ""])[0] == [0, 1, 2, 4]


def test_every_cap_holds_at_once():
    caps = {"caps": [{"by": "category", "most": 2}, {"by": "brand", "most": 1}]}
    # 1 is over the brand's cap and so takes no place of tea's, which 3 has
    assert listed(caps, brands=["x", "x", "y", "z", "y"])[0] == [0, 2, 3]


def test_pins_count_for_caps_but_are_above_them():
    rules = {"pins": [{"item_id": "i03", "rank": 3}, {"item_id": "i01", "rank": 4}]}
    caps = {"caps": [{"by": "category", "most": 1}]}
    assert listed(rules | caps, pinnable=[1, 3])[0] == [2, 3, 1]


def test_a_quota_takes_the_last_places_it_needs():
    items, names = listed({"quotas": [{"by": "category", "value": CUP, "least": 2}]}, k=3)
    assert items == [0, 2, 4]
    assert names == [[], ["quota: category cup"], ["quota: category cup"]]
    # two tea and a cup come by themselves: nothing is to be moved
    items, names = listed({"quotas": [{"by": "category", "value": CUP, "least": 1}]}, k=3)
    assert (items, names) == ([0, 1, 2], [[], [], []])


def test_a_quota_of_cold_items():
    items, names = listed({"quotas": [{"by": "cold", "least": 1}]}, k=2, taken=[0, 1, 2])
    assert (items, names) == ([0, 3], [[], ["quota: cold items"]])


def test_quotas_ask_for_no_more_than_there_is_and_caps_go_before():
    assert listed({"quotas": [{"by": "category", "value": CUP, "least": 4}]}, k=3)[0] == [0, 2, 4]
    both = {"caps": [{"by": "category", "most": 1}], "quotas": [{"by": "category", "value": CUP, "least": 2}]}
    assert listed(both, k=3)[0] == [0, 2]
    pinned = {"pins": [{"item_id": "i04", "rank": 1}], "quotas": [{"by": "category", "value": CUP, "least": 1}]}
    assert listed(pinned, pinnable=[4], k=3)[0] == [4, 0, 1]


def test_quotas_that_ask_for_too_much_share_the_places_by_value():
    brands = ["x", None, None, None, "y"]
    quotas = [{"by": "brand", "value": "y", "least": 1}, {"by": "category", "value": CUP, "least": 2}]
    assert listed({"quotas": quotas}, brands=brands, k=2)[0] == [2, 4]


@pytest.mark.parametrize(("method", "strength"), [("mmr", 0.6), ("dpp", 0.3)])
def test_diversity_puts_an_item_unlike_the_others_before_its_like(method, strength):
    vectors = np.eye(5, dtype=np.float32)
    vectors[1] = vectors[0]
    items, names = listed({"diversity": {"method": method, "strength": strength}}, vectors=vectors, k=3)
    assert items == [0, 2, 3]
    assert names == [[], ["diversity"], ["diversity"]]


def test_only_the_first_candidates_trade_places():
    vectors = np.eye(5, dtype=np.float32)
    vectors[:3] = vectors[0]
    rules = {"diversity": {"strength": 0.9, "depth": 2}}
    assert listed(rules, vectors=vectors)[0] == [0, 1, 2, 3, 4]
    assert listed({"diversity": {"strength": 0.9}}, vectors=vectors)[0] == [0, 3, 4, 1, 2]


def test_a_list_is_unlike_its_pins_too():
    vectors = np.eye(5, dtype=np.float32)
    vectors[0] = vectors[4]
    rules = {"pins": [{"item_id": "i04", "rank": 3}], "diversity": {"strength": 0.7, "depth": 3}}
    assert listed(rules, pinnable=[4], vectors=vectors, k=3)[0] == [1, 2, 4]


def test_a_price_lowers():
    priced = book({}, KINDS).priced(Prices(per_item=np.array([0.4, 0, 0, 0, 0]), reached=0.5))
    assert listed(priced) == ([1, 2, 0, 3, 4], [[], [], ["held back: in many lists"], [], []])


def test_all_given_items_come_back_those_over_a_cap_last_and_quotas_ask_for_nothing():
    rules = {"caps": [{"by": "category", "most": 1}], "quotas": [{"by": "category", "value": CUP, "least": 2}]}
    items, names = listed(rules, k=None)
    assert items == [0, 2, 1, 3, 4]
    assert names == [[], [], *[["over the cap: category"]] * 3]
    twice = [{"by": by, "value": CUP, "least": 2} for by in ("category", "brand")]
    assert listed({"quotas": twice}, k=None, brands=[None, None, CUP, None, CUP])[0] == [0, 1, 2, 3, 4]
    pins = {"pins": [{"item_id": "i04", "rank": 2}]}
    assert listed(pins, k=None, pinnable=[4])[0] == [0, 4, 1, 2, 3]
    assert listed(pins, k=None)[0] == [0, 1, 2, 3, 4]


def test_the_last_of_all_bits_is_told():
    rules = {"boosts": [{"by": "category", "value": TEA, "add": 0.1}] * (MAX_RULES - 1)}
    items, names = listed(rules | {"caps": [{"by": "category", "most": 1}]}, k=None)
    assert names[items.index(1)] == [*["boosted: category tea"] * (MAX_RULES - 1), "over the cap: category"]


def by_hand(row, rules, kinds, brands, cold, vectors, pinnable, k):
    """The same list, place by place, without an array."""
    depth, method = rules["diversity"]["depth"], rules["diversity"]["method"]
    strength = rules["diversity"]["strength"]
    lo, hi = row[min(depth, len(row)) - 1][1], row[0][1]
    value = {}
    for item, score in row:
        value[item] = 0 if lo == hi else (score - lo) / (hi - lo)
        value[item] += sum(b["add"] for b in rules["boosts"] if kinds[item] == b["value"])
    ranked = sorted(value, key=lambda item: -value[item])
    pins = {p["rank"]: int(p["item_id"][1:]) for p in rules["pins"] if k is None or p["rank"] <= k}
    pins = {rank: item for rank, item in pins.items() if item in pinnable and item in value}
    pool = set(ranked[:depth]) | set(pins.values())
    taken, out = list(pins.values()), []
    size = len(ranked) if k is None else k

    def over(item):
        group = {"category": kinds, "brand": brands}
        return any(
            group[c["by"]][item] is not None
            and sum(group[c["by"]][t] == group[c["by"]][item] for t in taken) >= c["most"]
            for c in rules["caps"]
        )

    def asks(quota, item):
        return cold[item] if quota["by"] == "cold" else kinds[item] == quota["value"]

    def gain(item):
        s = (1 + vectors.astype(float) @ vectors.astype(float).T) / 2
        seen = [t for t in taken if t in pool]
        if method == "mmr":
            redundancy = max((s[item, t] for t in seen), default=0)
        else:
            more = np.linalg.det(s[np.ix_([*seen, item], [*seen, item])])
            redundancy = -np.log(max(more / (np.linalg.det(s[np.ix_(seen, seen)]) if seen else 1), 1e-6))
        return (1 - strength) * value[item] - strength * redundancy

    while len(out) < size - len(pins):
        free = [item for item in ranked if item not in taken and not over(item)]
        if not free:
            break
        needs = []
        for quota in rules["quotas"] if k is not None else []:
            missing = quota["least"] - sum(asks(quota, t) for t in taken)
            needs.append(max(0, min(missing, sum(asks(quota, item) for item in free))))
        if sum(needs) and sum(needs) >= size - len(pins) - len(out):
            wanted = [q for q, need in zip(rules["quotas"], needs, strict=True) if need]
            free = [item for item in free if any(asks(q, item) for q in wanted)]
        near = [item for item in free if item in pool]
        best = max(near, key=gain) if near and strength else free[0]
        taken.append(best)
        out.append(best)
    for rank in sorted(pins):
        out.insert(rank - 1, pins[rank])
    return out + ([item for item in ranked if item not in out] if k is None else [])


@given(seed=st.integers(0, 100_000), whole=st.booleans(), method=st.sampled_from(["mmr", "dpp"]))
def test_a_second_implementation_makes_the_same_lists(seed, whole, method):
    rng = np.random.default_rng(seed)
    n, k = 12, None if whole else int(rng.integers(1, 10))
    kinds = [[TEA, CUP, "pot", None][i] for i in rng.integers(0, 4, n)]
    brands = [["x", "y", None][i] for i in rng.integers(0, 3, n)]
    there = rng.permutation(n)[: rng.integers(1, n + 1)]
    row = list(zip(there.tolist(), np.sort(rng.normal(size=len(there)))[::-1].astype(np.float32).tolist(), strict=True))
    taken = np.flatnonzero(rng.random(n) < 0.6).tolist()
    pinnable = np.flatnonzero(rng.random(n) < 0.7).tolist()
    pinned = rng.permutation(n)[: rng.integers(0, 3)]
    ranks = rng.permutation(6)[: len(pinned)] + 1
    rules = {
        "boosts": [{"by": "category", "value": CUP, "add": float(rng.normal())}][: rng.integers(0, 2)],
        "pins": [{"item_id": f"i{i:02d}", "rank": int(r)} for i, r in zip(pinned, ranks, strict=True)],
        "caps": [{"by": "category", "most": 2}, {"by": "brand", "most": 3}][: rng.integers(0, 3)],
        "quotas": [{"by": "cold", "least": 2}, {"by": "category", "value": "pot", "least": 2}][: rng.integers(0, 3)],
        "diversity": {"method": method, "strength": float(rng.choice([0, 0.2, 0.6])), "depth": int(rng.choice([4, 8]))},
    }
    vectors = unit(rng, n, 12)
    got = listed(rules, [row], kinds=kinds, brands=brands, taken=taken, vectors=vectors, pinnable=pinnable, k=k)[0]
    cold = [i not in taken for i in range(n)]
    assert got == by_hand(row, rules, kinds, brands, cold, vectors, pinnable, k)


@pytest.mark.parametrize("exploring", [None, EpsilonGreedy(epsilon=0.5), PlackettLuce(temperature=1.0)])
@pytest.mark.parametrize("k", [3, None])
def test_where_nothing_may_be_listed_rules_make_an_empty_list(exploring, k):
    rules = {
        "caps": [{"by": "category", "most": 2}],
        "diversity": {"strength": 0.5},
        "pins": [{"item_id": "i00", "rank": 1}],
    }
    exploration = None if exploring is None else Exploration(policy=exploring, sources=[randomness(0, "r")])
    for made in ({}, rules):
        assert select(scored([]), book(made, KINDS), FLAT, k=k, exploration=exploration).item_idx.tolist() == []


def test_a_list_does_not_depend_on_whose_else_is_made():
    rng = np.random.default_rng(7)
    rows = [
        sorted(((int(i), float(s)) for i, s in zip(rng.permutation(40)[:30], rng.normal(size=30), strict=True)),
               key=lambda entry: -entry[1])
        for _ in range(20)
    ]  # fmt: skip
    kinds, vectors = [[TEA, CUP, "pot"][i % 3] for i in range(40)], unit(rng, 40, 24)
    rules = book(
        {
            "boosts": [{"by": "category", "value": CUP, "add": 0.1}],
            "caps": [{"by": "category", "most": 4}],
            "quotas": [{"by": "category", "value": "pot", "least": 3}],
            "diversity": {"method": "dpp", "strength": 0.3},
        },
        kinds,
    )
    together = select(scored(*rows), rules, vectors, k=10)
    for user, row in enumerate(rows):
        alone = select(scored(row), rules, vectors, k=10)
        part = slice(together.indptr[user], together.indptr[user + 1])
        assert alone.item_idx.tolist() == together.item_idx[part].tolist()
        assert alone.rules.tolist() == together.rules[part].tolist()


LUCE = PlackettLuce(temperature=0.5)
WORTH = {0: 1.0, 1: 0.75, 2: 0.625, 3: 0.5, 4: 0.0}
"""Of the items of `FALLING`: scores from 9 to 1."""


def explored(rules, *, k, policy=LUCE, name="r", rows=(FALLING,), vectors=FLAT, **more):
    exploration = Exploration(policy=policy, sources=[randomness(0, name + str(n)) for n in range(len(rows))])
    return select(scored(*rows, **more), book(rules, KINDS), vectors, k=k, exploration=exploration)


def chance(item, allowed):
    """By Luce's rule, of the items that may stand there."""
    powers = {other: np.exp(WORTH[other] / 0.5) for other in allowed}
    return powers[item] / sum(powers.values())


@pytest.mark.parametrize("k", [3, None])
def test_without_rules_any_order_may_come_and_says_how_likely_it_was(k):
    seen = set()
    for n in range(40):
        found = explored({}, k=k, name=f"request {n}")
        items, left = found.item_idx.tolist(), [0, 1, 2, 3, 4]
        seen.add(tuple(items))
        assert len(items) == (k or 5)
        for item, told in zip(items, found.propensity.tolist(), strict=True):
            assert told == pytest.approx(chance(item, left), rel=1e-6)
            left.remove(item)
        moved = [found.rule_names[3] == "explored" and int(bits) == 1 << 3 for bits in found.rules]
        best = [item == min({0, 1, 2, 3, 4} - set(items[:rank])) for rank, item in enumerate(items)]
        assert moved == [not first for first in best]
    assert len(seen) > 20


def test_rules_are_masks_inside_each_draw():
    """One of each category at most, and at the end a cup if there is none yet."""
    rules = {"caps": [{"by": "category", "most": 1}], "quotas": [{"by": "category", "value": CUP, "least": 1}]}
    seen = set()
    for n in range(60):
        found = explored(rules, k=2, name=f"request {n}")
        (first, second), told = found.item_idx.tolist(), found.propensity.tolist()
        seen.add((first, second))
        assert told[0] == pytest.approx(chance(first, [0, 1, 2, 3, 4]), rel=1e-6)
        others = [0, 1, 3] if KINDS[first] == CUP else [2, 4]
        assert told[1] == pytest.approx(chance(second, others), rel=1e-6)
    assert len(seen) > 8


def test_draws_among_what_is_left_are_as_frequent_as_they_say():
    rules, n = {"caps": [{"by": "category", "most": 1}]}, 4000
    lists = [tuple(explored(rules, k=2, name=f"request {i}").item_idx.tolist()) for i in range(n)]
    for first in range(5):
        for second in [0, 1, 3] if KINDS[first] == CUP else [2, 4]:
            others = [0, 1, 3] if KINDS[first] == CUP else [2, 4]
            p = chance(first, range(5)) * chance(second, others)
            assert lists.count((first, second)) == pytest.approx(n * p, abs=4.5 * np.sqrt(n * p * (1 - p)))


def test_what_is_pinned_is_certain_and_nobody_draws_it():
    for n in range(20):
        found = explored({"pins": [{"item_id": "i03", "rank": 2}]}, k=3, name=f"request {n}", pinnable=[3])
        items, told = found.item_idx.tolist(), found.propensity.tolist()
        assert (items[1], told[1]) == (3, 1)
        assert told[0] == pytest.approx(chance(items[0], [0, 1, 2, 4]), rel=1e-6)


def test_a_diverse_list_is_drawn_by_what_each_item_adds():
    rng = np.random.default_rng(3)
    vectors, rules = unit(rng, 5, 3), {"diversity": {"method": "mmr", "strength": 0.4, "depth": 4}}
    for n in range(20):
        found = explored(rules, k=5, name=f"request {n}", vectors=vectors)
        items, left = found.item_idx.tolist(), [0, 1, 2, 3]
        # scores are measured down to the one at depth: item 3 is worth 0
        worth = {item: 0.6 * (9 - 8 * (1 - WORTH[item]) - 5) / 4 for item in left}
        for rank, (item, told) in enumerate(zip(items[:4], found.propensity.tolist(), strict=False)):
            near = [max((0.5 + 0.5 * float(vectors[i] @ vectors[j]) for j in items[:rank]), default=0) for i in left]
            powers = np.exp([(worth[i] - 0.4 * close) / 0.5 for i, close in zip(left, near, strict=True)])
            assert told == pytest.approx(powers[left.index(item)] / powers.sum(), rel=1e-5)
            left.remove(item)
        assert (items[4], found.propensity[4]) == (4, 1)


def test_a_users_draw_does_not_depend_on_the_others():
    rows = [FALLING, FALLING[1:], FALLING[2:]]
    greedy = EpsilonGreedy(epsilon=0.5)
    together = explored({}, k=3, rows=rows, policy=greedy)
    for user, row in enumerate(rows):
        part = slice(together.indptr[user], together.indptr[user + 1])
        exploration = Exploration(policy=greedy, sources=[randomness(0, f"r{user}")])
        alone = select(scored(row), book({}, KINDS), FLAT, k=3, exploration=exploration)
        assert alone.item_idx.tolist() == together.item_idx[part].tolist()
        assert alone.propensity.tolist() == together.propensity[part].tolist()
