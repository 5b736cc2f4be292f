"""One list of two rankings, so that the same user judges both.

    team-draft      in rounds: a coin says whose turn is first, then each takes its best item that is not yet in the
                    list; an item belongs to the team that took it              Radlinski, Kurup & Joachims 2008
    probabilistic   a coin for every place; whose turn it is draws an item with a chance ∝ 1 / rank^3 among those not
                    yet in the list. Either could have drawn it: P(first | item) = P_1(item) ÷ (P_1(item) + P_2(item))
                                                                                Hofmann, Whiteson & de Rijke 2011

Where one ranking has nothing left to put beside the other's, the other fills the list and the places belong to neither:
they are no contest. (Team-draft as it was published ends there.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import DoubleArray, IntArray

DECAY = 3.0
"""The power of the rank by which chances fall, as its authors set it."""

Row = tuple[int, float, float]
"""An item, P(first), propensity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaved:
    """One list of distinct items, best first.

    Attributes:
        item_idx: int32 (n,).
        first: float64 (n,), P(the first ranking contributed the item | the list); of team-draft, which knows, 1 or 0.
            NaN where neither did.
        propensity: float64 (n,), P(item at its place | the items above it, both rankings); whose turn it was is not
            given. The product is the list's.
    """

    item_idx: IntArray
    first: DoubleArray
    propensity: DoubleArray

    def __len__(self) -> int:
        return len(self.item_idx)


def team_draft(first: IntArray, second: IntArray, *, k: int, rng: np.random.Generator) -> Interleaved:
    """Of each ranking the best, in turns.

    Args:
        first: int32 (a,), distinct items, best first.
        second: int32 (b,), likewise.
        k: places; the list is shorter where there are fewer items.
        rng: one number is drawn for each two places, first where it is below one half.

    Raises:
        ShapeError: an item twice in a ranking.
    """
    _check(first, second)
    rankings = (first.tolist(), second.tolist())
    rows: list[Row] = []
    for coin in rng.random((k + 1) // 2).tolist():
        one, two = (_next(ranking, rows) for ranking in rankings)
        if one is None or two is None:
            break
        turn = 0 if coin < 0.5 else 1
        rows.append(((one, two)[turn], 1.0 - turn, 1.0 if one == two else 0.5))
        if one != two:
            rows.append(((two, one)[turn], float(turn), 1.0))
            continue
        # both wanted it, so the list does not tell whose turn it was
        one, two = (_next(ranking, rows) for ranking in rankings)
        if one is None or two is None:
            break
        rows.append(((two, one)[turn], float(turn), 1.0 if one == two else 0.5))
    return _filled(rows, rankings, k)


def probabilistic(
    first: IntArray, second: IntArray, *, k: int, rng: np.random.Generator, decay: float = DECAY
) -> Interleaved:
    """Any item may come, the better its rank the likelier; an item that a ranking lacks has no chance there.

    Args:
        first: int32 (a,), distinct items, best first.
        second: int32 (b,), likewise.
        k: places; the list is shorter where there are fewer items.
        rng: two numbers are drawn for each place: whose turn, and which item.
        decay: chances are ∝ 1 / rank^decay.

    Raises:
        ShapeError: an item twice in a ranking.
    """
    _check(first, second)
    items, power = _powers(first, second, decay)
    rows: list[Row] = []
    for coin, which in rng.random((min(k, len(items)), 2)).tolist():
        left = power.sum(axis=1)
        if not left.all():
            break
        chances = power / left[:, None]
        ends = np.cumsum(chances[0 if coin < 0.5 else 1])
        place = int(ends.searchsorted(min(which * ends[-1], np.nextafter(ends[-1], 0)), side="right"))
        one, two = chances[:, place].tolist()
        rows.append((int(items[place]), one / (one + two), (one + two) / 2))
        power[:, place] = 0
    return _filled(rows, (first.tolist(), second.tolist()), k)


WAYS: Mapping[str, Callable[..., Interleaved]] = {"team_draft": team_draft, "probabilistic": probabilistic}
"""By the name that answers and the policy log have for it."""


def _powers(first: IntArray, second: IntArray, decay: float) -> tuple[IntArray, DoubleArray]:
    """The union's items, int32 (u,), and float64 (2, u), 1 / rank^decay in each ranking, 0 where it lacks one."""
    items, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    power = np.zeros((2, len(items)))
    power[0, places[: len(first)]] = np.arange(1.0, len(first) + 1) ** -decay
    power[1, places[len(first) :]] = np.arange(1.0, len(second) + 1) ** -decay
    return items, power


def _filled(rows: list[Row], rankings: tuple[list[int], list[int]], k: int) -> Interleaved:
    """At most k rows, then what one ranking has left, in its order."""
    rows = rows[:k]
    taken = {item for item, _, _ in rows}
    rest = [item for ranking in rankings for item in ranking if item not in taken]
    rows += [(item, float("nan"), 1.0) for item in rest[: k - len(rows)]]
    return Interleaved(
        item_idx=np.array([row[0] for row in rows], np.int32),
        first=np.array([row[1] for row in rows], np.float64),
        propensity=np.array([row[2] for row in rows], np.float64),
    )


def _next(ranking: list[int], rows: list[Row]) -> int | None:
    """The best item of a ranking that is not in the list."""
    taken = {row[0] for row in rows}
    return next((item for item in ranking if item not in taken), None)


def _check(first: IntArray, second: IntArray) -> None:
    for name, ranking in (("first", first), ("second", second)):
        if len(np.unique(ranking)) != len(ranking):
            raise ShapeError(f"Interleaving: expected distinct items, got one twice in the {name} ranking; drop it.")
