"""Every feature of one pair, worked out anew from the events, one at a time."""

import math
from collections.abc import Sequence

import numpy as np

from recsys.ranking.state import ItemState
from recsys.retrieval.candidates import SOURCES, Candidates
from recsys.schema import EVENT_CODES, FloatArray

Event = tuple[int, int, str, float]
"""Item, instant, role and weight."""

_JUDGED = ("rating", "dislike", "return")
_NAN = math.nan


def by_hand(
    user: int,
    pair: int,
    events: Sequence[Event],
    *,
    items: ItemState,
    vectors: FloatArray,
    interest: FloatArray,
    candidates: Candidates,
    as_of: int,
) -> dict[str, float]:
    """Name → value; `pair` counts from the first pair of all users."""
    item = int(candidates.item_idx[pair])
    taken = [event for event in events if event[3] > 0]
    return {
        **_of_user(taken, events, items, as_of),
        **_of_item(item, items, as_of),
        **_own(item, taken, items, as_of),
        **_beside(item, taken, items),
        "proposers": int(candidates.sources[pair]).bit_count(),
        "interest": interest[pair],
        **{f"like_last{end}": _like(item, taken, n, vectors) for end, n in (("", 1), ("_3", 3), ("_5", 5))},
        **_of_sources(user, pair, candidates),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else _NAN


def _days(at: float, as_of: int, items: ItemState) -> float:
    return max(as_of - at, 0) / items.day if at >= 0 else _NAN


def _left(taken: Sequence[Event], life: int, items: ItemState, as_of: int) -> float:
    return sum(w * 0.5 ** ((as_of - at) / items.day / items.half_lives[life]) for _, at, _, w in taken)


def _gap(taken: Sequence[Event], items: ItemState) -> float:
    at = sorted({event[1] for event in taken})
    return (at[-1] - at[0]) / items.day / (len(at) - 1) if len(at) > 1 else _NAN


def _mean(values: Sequence[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else _NAN


def _of_user(taken: Sequence[Event], events: Sequence[Event], items: ItemState, as_of: int) -> dict[str, float]:
    takes, distinct = len(taken), len({event[0] for event in taken})
    visits = len({event[1] for event in taken})
    idle, gap = _days(taken[-1][1], as_of, items) if taken else _NAN, _gap(taken, items)
    return {
        "user_takes": takes,
        **{f"user_recent_{life}": math.log1p(_left(taken, life, items, as_of)) for life in range(3)},
        "user_items": distinct,
        "user_repeats": 1 - _share(distinct, takes),
        "user_visits": visits,
        "user_basket": _share(takes, visits),
        "user_liked": _share(takes, sum(event[3] > 0 or event[2] in _JUDGED for event in events)),
        "user_idle": idle,
        "user_tenure": _days(taken[0][1], as_of, items) if taken else _NAN,
        "user_gap": gap,
        "user_due": _share(idle, gap),
        "user_price": _mean([items.price[event[0]] for event in taken]),
        "user_popular": _mean([math.log1p(items.takers[event[0]]) for event in taken]),
    }


def _of_item(item: int, items: ItemState, as_of: int) -> dict[str, float]:
    passed = (as_of - items.as_of) / items.day
    faded = [0.5 ** (passed / life) for life in items.half_lives]
    recent = [math.log(items.decayed[life, item] * faded[life] + 0.01) for life in range(3)]
    return {
        **{f"item_recent_{life}": recent[life] for life in range(3)},
        **{f"item_newly_{life}": math.log(items.firsts[life, item] * faded[life] + 0.01) for life in range(3)},
        "item_trend": recent[0] - recent[2],
        "item_takers": items.takers[item],
        "item_repeats": _share(items.repeaters[item], items.takers[item]),
        "item_each": _share(items.takes[item], items.takers[item]),
        "item_liked": _share(items.takes[item], items.met[item]),
        "item_interval": _share(items.spans[item], items.gaps[item]),
        "item_age": _days(items.born[item], as_of, items),
        "item_idle": _days(items.last[item], as_of, items),
        "item_price": items.price[item],
    }


def _own(item: int, taken: Sequence[Event], items: ItemState, as_of: int) -> dict[str, float]:
    own, total = [event for event in taken if event[0] == item], _left(taken, 2, items, as_of)
    idle, gap = _days(own[-1][1], as_of, items) if own else _NAN, _gap(own, items)
    left = [_left(own, life, items, as_of) for life in range(3)]

    def share_of(kind: str) -> float:
        codes = getattr(items, kind)
        alike = [event for event in taken if codes[item] >= 0 and codes[event[0]] == codes[item]]
        return _share(_left(alike, 2, items, as_of), total)

    return {
        "own_takes": len(own),
        "own_visits": len({event[1] for event in own}),
        **{f"own_recent_{life}": left[life] for life in range(3)},
        "own_share": _share(left[2], total),
        "own_idle": idle,
        "own_interval": gap,
        "own_due": _share(idle, gap),
        "item_due": _share(idle, _share(items.spans[item], items.gaps[item])),
        "category_share": share_of("category"),
        "brand_share": share_of("brand"),
    }


def _beside(item: int, taken: Sequence[Event], items: ItemState) -> dict[str, float]:
    mean = _mean([items.price[event[0]] for event in taken])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.log(np.float64(items.price[item]) / np.float64(mean)))
    popular = _mean([math.log1p(items.takers[event[0]]) for event in taken])
    return {"price_ratio": ratio, "popular_gap": math.log1p(items.takers[item]) - popular}


def _like(item: int, taken: Sequence[Event], n: int, vectors: FloatArray) -> float:
    return max((float(vectors[event[0]] @ vectors[item]) for event in taken[-n:]), default=_NAN)


def _of_sources(user: int, pair: int, candidates: Candidates) -> dict[str, float]:
    found: dict[str, float] = {}
    for bit, source in enumerate(SOURCES):
        score, best = float(candidates.scores[pair, bit]), candidates.best[user, bit].tolist()
        found |= {f"score_{source}": score, f"relative_{source}": score / best[0] if best[0] > 0 else 0}
        found[f"place_{source}"] = sum(other > score for other in best)
    return found


def codes(events: Sequence[Event]) -> list[int]:
    """The codes of the events' roles."""
    return [EVENT_CODES[event[2]] for event in events]
