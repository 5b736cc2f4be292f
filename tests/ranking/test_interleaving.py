"""Lists of two rankings: every coin counted, a second implementation, and chances that come true."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import product
from math import isnan, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ShapeError
from recsys.ranking.interleaving import Interleaved, probabilistic, team_draft
from recsys.ranking.policy import randomness

RANKING = st.lists(st.integers(0, 7), unique=True, max_size=7)
METHODS = pytest.mark.parametrize("method", [team_draft, probabilistic])
NONE = float("nan")
Way = Callable[..., Interleaved]
Assignment = tuple[tuple[int, ...], float]
"""Whose turn each place was, and how likely."""


class Coins:
    """Numbers that are known: 0 is the first's turn, .5 the second's."""

    def __init__(self, numbers: tuple[float, ...]) -> None:
        self.numbers = numbers

    def random(self, n: int) -> np.ndarray:
        return np.array(self.numbers[:n])


def ranked(*items: int) -> np.ndarray:
    return np.array(items, np.int32)


def all_drafts(first: list[int], second: list[int], k: int) -> list[Interleaved]:
    """The list of every outcome of the coins, each as likely."""
    coins = product((0.0, 0.5), repeat=(k + 1) // 2)
    return [team_draft(ranked(*first), ranked(*second), k=k, rng=Coins(c)) for c in coins]


def credit(lists: list[Interleaved], clicked: set[int]) -> tuple[float, float]:
    """Mean clicks of each team."""
    places = [(item, p) for one in lists for item, p in zip(one.item_idx.tolist(), one.first, strict=True)]
    won = [p for item, p in places if item in clicked and not isnan(p)]
    return sum(won) / len(lists), sum(1 - p for p in won) / len(lists)


def drafted_by_hand(first: list[int], second: list[int], k: int, coins: list[int]) -> list[tuple[int, int]]:
    """(item, team) as Radlinski, Kurup & Joachims write it, place by place, where both rankings are long enough."""
    out: list[tuple[int, int]] = []
    sizes = [0, 0]
    flips = iter(coins)
    while len(out) < k:
        team = next(flips) if sizes[0] == sizes[1] else int(sizes[1] < sizes[0])
        item = next(item for item in (first, second)[team] if item not in [i for i, _ in out])
        out.append((item, team))
        sizes[team] += 1
    return out


@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 6), st.lists(st.booleans(), min_size=3))
def test_team_draft_is_the_published_one(first: list[int], second: list[int], k: int, coins: list[bool]) -> None:
    got = team_draft(ranked(*first), ranked(*second), k=k, rng=Coins(tuple(c / 2 for c in coins)))
    expected = drafted_by_hand(first, second, k, [int(c) for c in coins])
    assert list(zip(got.item_idx.tolist(), (1 - got.first).tolist(), strict=True)) == expected


def test_two_lists_of_two_by_hand() -> None:
    """First wants 1 then 2, second 2 then 3: 1 is always the first's, 2 the second's."""
    first_turn, second_turn = all_drafts([1, 2], [2, 3], 2)
    assert (first_turn.item_idx.tolist(), first_turn.first.tolist()) == ([1, 2], [1, 0])
    assert (second_turn.item_idx.tolist(), second_turn.first.tolist()) == ([2, 1], [0, 1])
    assert credit([first_turn, second_turn], {2, 3}) == (0, 1)


def test_three_places_by_hand() -> None:
    """Four outcomes of two coins; what both rank first is each one's half of the time."""
    lists = all_drafts([1, 2, 3], [1, 3, 2], 3)
    assert [one.item_idx.tolist() for one in lists] == [[1, 3, 2], [1, 3, 2], [1, 2, 3], [1, 2, 3]]
    assert [one.first.tolist() for one in lists] == [[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]]
    assert credit(lists, {1}) == (1 / 2, 1 / 2)
    assert credit(lists, {2}) == (3 / 4, 1 / 4)
    assert credit(lists, {3}) == (1 / 4, 3 / 4)


@given(RANKING, RANKING, st.integers(0, 7))
def test_each_place_is_each_teams_half_of_the_time(first: list[int], second: list[int], k: int) -> None:
    lists = all_drafts(first, second, k)
    for place in range(min(map(len, lists))):
        teams = [float(one.first[place]) for one in lists]
        assert teams.count(1) == teams.count(0)


@given(st.permutations(range(5)), st.integers(1, 5), st.sets(st.integers(0, 4)))
def test_equal_rankings_get_equal_credit(ranking: list[int], k: int, clicked: set[int]) -> None:
    lists = all_drafts(ranking, ranking, k)
    assert {tuple(one.item_idx) for one in lists} == {tuple(ranking[:k])}
    first, second = credit(lists, clicked)
    assert first == second
    drawn = probabilistic(ranked(*ranking), ranked(*ranking), k=k, rng=np.random.default_rng(0))
    assert drawn.first.tolist() == [0.5] * k


@METHODS
@given(first=RANKING, second=RANKING, k=st.integers(0, 9), seed=st.integers(0, 99))
def test_no_item_twice_and_as_many_as_there_are(
    method: Way, first: list[int], second: list[int], k: int, seed: int
) -> None:
    got = method(ranked(*first), ranked(*second), k=k, rng=np.random.default_rng(seed))
    items = got.item_idx.tolist()
    assert len(set(items)) == len(items) == len(got) == min(k, len(set(first) | set(second)))
    assert set(items) <= set(first) | set(second)
    for item, p, chance in zip(items, got.first, got.propensity, strict=True):
        assert isnan(p) or 0 <= p <= 1
        assert not (p == 1 and item not in first)
        assert not (p == 0 and item not in second)
        assert 0 < chance <= 1 + 1e-12


@METHODS
def test_what_one_has_alone_fills_the_list_and_is_neithers(method: Way) -> None:
    got = method(ranked(4), ranked(4, 5, 6), k=4, rng=np.random.default_rng(0))
    assert got.item_idx.tolist()[:1] + sorted(got.item_idx.tolist()[1:]) in ([4, 5, 6], [5, 4, 6], [6, 4, 5])
    if method is team_draft:
        assert got.item_idx.tolist() == [4, 5, 6]
        assert np.isnan(got.first).tolist() == [False, True, True]
        assert got.propensity.tolist() == [1, 1, 1]
    alone = method(ranked(), ranked(7, 8), k=1, rng=np.random.default_rng(0))
    assert (alone.item_idx.tolist(), np.isnan(alone.first).tolist()) == ([7], [True])


def test_a_drafts_propensities_are_how_many_coins_lead_there() -> None:
    for first, second, k in (([0, 1, 2, 3], [1, 0, 4, 2], 4), ([0, 1, 2], [0, 1, 3], 3), ([0, 1], [0, 2, 3], 4)):
        lists = all_drafts(first, second, k)
        times = Counter(tuple(one.item_idx.tolist()) for one in lists)
        for one in lists:
            assert prod(one.propensity.tolist()) == times[tuple(one.item_idx.tolist())] / len(lists)


def all_draws(
    first: list[int], second: list[int], k: int
) -> dict[tuple[int, ...], list[tuple[tuple[int, ...], float]]]:
    """List → (whose turns, probability) of every way to it, by plain loops over turns and items; decay 3."""
    found = defaultdict(list)

    def go(items: tuple[int, ...], turns: tuple[int, ...], chance: float) -> None:
        left = [{i: (r + 1) ** -3 for r, i in enumerate(ranking) if i not in items} for ranking in (first, second)]
        if len(items) == k or not all(left):
            found[items].append((turns, chance))
            return
        for turn, powers in enumerate(left):
            for item, power in powers.items():
                go((*items, item), (*turns, turn), chance * 0.5 * power / sum(powers.values()))

    go((), (), 1.0)
    return found


@pytest.mark.parametrize(
    ("first", "second", "k"), [([0, 1, 2], [2, 1, 0], 3), ([0, 1, 2], [1, 3, 0], 2), ([0, 1], [1, 2, 3], 3)]
)
def test_probabilistic_chances_are_sums_over_all_assignments(first: list[int], second: list[int], k: int) -> None:
    ways = all_draws(first, second, k)
    assert sum(chance for way in ways.values() for _, chance in way) == pytest.approx(1)
    n = 4000
    drawn = [probabilistic(ranked(*first), ranked(*second), k=k, rng=randomness(1, f"r{i}")) for i in range(n)]
    times: Counter[tuple[int, ...]] = Counter()
    for one in drawn:
        contested = int((~np.isnan(one.first)).sum())
        key = tuple(one.item_idx.tolist()[:contested])
        times[key] += 1
        total = sum(chance for _, chance in ways[key])
        assert prod(one.propensity.tolist()) == pytest.approx(total)
        for place in range(contested):
            share = sum(chance for turns, chance in ways[key] if turns[place] == 0) / total
            assert one.first[place] == pytest.approx(share)
    expected = {key: n * sum(chance for _, chance in way) for key, way in ways.items()}
    # at most 17 degrees of freedom: chi² above 50 once in 20,000 times
    assert sum((times[key] - e) ** 2 / e for key, e in expected.items()) < 50


def test_an_assignment_by_hand() -> None:
    """At the first place, item 0 has 1 of 1 + 1/8 with the first, 1/8 with the second."""
    got = probabilistic(ranked(0, 1), ranked(1, 0), k=1, rng=np.random.default_rng(0))
    likely = 8 / 9 if got.item_idx[0] == 0 else 1 / 9
    assert got.first[0] == pytest.approx(likely)
    assert got.propensity[0] == pytest.approx(1 / 2)


def test_the_steeper_the_nearer_to_the_rankings() -> None:
    rankings = ranked(0, 1, 2, 3), ranked(0, 1, 2, 3)
    steep = probabilistic(*rankings, k=4, rng=np.random.default_rng(0), decay=60.0)
    assert steep.item_idx.tolist() == [0, 1, 2, 3]
    flat = [probabilistic(*rankings, k=4, rng=np.random.default_rng(i), decay=0.0) for i in range(50)]
    assert all(one.propensity == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1]) for one in flat)
    assert {int(one.item_idx[0]) for one in flat} == {0, 1, 2, 3}


@METHODS
def test_the_same_request_gets_the_same_list(method: Way) -> None:
    rankings = ranked(*range(9)), ranked(*range(8, -1, -1))
    one, two = (method(*rankings, k=9, rng=randomness(3, "request")) for _ in range(2))
    assert one.item_idx.tolist() == two.item_idx.tolist()
    assert len({tuple(method(*rankings, k=9, rng=randomness(3, f"r{i}")).item_idx) for i in range(20)}) > 3


@METHODS
def test_an_item_twice_in_a_ranking_is_refused(method: Way) -> None:
    with pytest.raises(ShapeError, match="expected distinct items, got one twice in the second ranking; drop it"):
        method(ranked(1, 2), ranked(3, 3), k=2, rng=np.random.default_rng(0))
