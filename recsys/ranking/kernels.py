"""The inner loops of the features, compiled: each goes once over its rows and fills all its columns."""

import numpy as np

from recsys.retrieval.compiled import compiled
from recsys.retrieval.tops import place
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

_TINY = np.finfo(np.float32).tiny


@compiled
def share(part: float, whole: float) -> float:
    """Part / whole, NaN where there is nothing."""
    return part / whole if whole > 0 else np.nan


@compiled
def age(at: int, as_of: int, day: int) -> float:
    """Days from an instant to `as_of`, at least 0; NaN where there is no instant (< 0)."""
    if at < 0:
        return np.nan
    return max(as_of - at, 0) / day


@compiled
def interval(first: int, last: int, visits: float, day: int) -> float:
    """Mean days between two visits; NaN before the second."""
    return (last - first) / day / (visits - 1) if visits > 1 else np.nan


@compiled
def users(
    starts: LongArray,
    items: IntArray,
    at: LongArray,
    weights: DoubleArray,
    met_starts: LongArray,
    met: BoolArray,
    price: DoubleArray,
    popular: DoubleArray,
    as_of: int,
    day: int,
    out: DoubleArray,
) -> None:
    """Put what `user_features` names of n users into float64 out (15, n), but no logarithm of decayed weights yet.

    Args:
        starts: int64 (n + 1,), whose the positive events are; a user's stand in order of time.
        items: int32 (e,), of the positive events.
        at: int64 (e,), their instants, µs.
        weights: float64 (3, e), what is left of their weights, by half-life.
        met_starts: int64 (n + 1,), whose all events are.
        met: bool, of all events, those that take an item or turn it down.
        price: float64 (n_items,), NaN where none.
        popular: float64 (e,), how popular the item of a positive event is.
        as_of: the instant, µs.
        day: µs.
        out: as above.
    """
    last_taker = np.full(len(price), -1)
    for user in range(len(starts) - 1):
        distinct = visits = priced = 0
        money = liking = recent_0 = recent_1 = recent_2 = 0.0
        for event in range(starts[user], starts[user + 1]):
            item = items[event]
            distinct += last_taker[item] != user
            last_taker[item] = user
            visits += event == starts[user] or at[event] != at[event - 1]
            recent_0, recent_1 = recent_0 + weights[0, event], recent_1 + weights[1, event]
            recent_2 += weights[2, event]
            liking += popular[event]
            if not np.isnan(price[item]):
                money += price[item]
                priced += 1
        takes, count = starts[user + 1] - starts[user], 0
        for event in range(met_starts[user], met_starts[user + 1]):
            count += met[event]
        first, last = (at[starts[user]], at[starts[user + 1] - 1]) if takes else (-1, -1)
        idle, gap = age(last, as_of, day), interval(first, last, visits, day)
        own = out[:, user]
        own[0], own[1], own[2], own[3], own[4] = takes, recent_0, recent_1, recent_2, distinct
        own[5], own[6], own[7], own[8] = 1 - share(distinct, takes), visits, share(takes, visits), share(takes, count)
        own[9], own[10], own[11], own[12] = idle, age(first, as_of, day), gap, share(idle, gap)
        own[13], own[14] = share(money, priced), share(liking, takes)


@compiled
def widen(users: DoubleArray, starts: LongArray, out: FloatArray) -> None:
    """Put users' numbers, float64 (f, n), beside the pairs starts[u]:starts[u + 1] of each, in float32 out (f, m)."""
    for column in range(len(users)):
        for user in range(users.shape[1]):
            out[column, starts[user] : starts[user + 1]] = users[column, user]


@compiled
def fresh(decayed: DoubleArray, firsts: DoubleArray, fading: DoubleArray, items: IntArray, out: DoubleArray) -> None:
    """Put what is left of two kinds of decayed counters, float64 (3, n_items), of items into float64 out (6, m)."""
    for pair in range(len(items)):
        for life in range(3):
            out[life, pair] = decayed[life, items[pair]] * fading[life] + 0.01
            out[3 + life, pair] = firsts[life, items[pair]] * fading[life] + 0.01


@compiled
def items(
    logs: DoubleArray,
    item_idx: IntArray,
    takes: DoubleArray,
    takers: DoubleArray,
    repeaters: DoubleArray,
    met: DoubleArray,
    spans: DoubleArray,
    gaps: DoubleArray,
    born: LongArray,
    last: LongArray,
    price: DoubleArray,
    as_of: int,
    day: int,
    out: FloatArray,
) -> None:
    """Put what `item_features` names of m items into float32 out (15, m).

    `logs` are the logarithms of what `fresh` gives, the rest is of `ItemState`.
    """
    for pair in range(len(item_idx)):
        item = item_idx[pair]
        for row in range(6):
            out[row, pair] = logs[row, pair]
        out[6, pair] = logs[0, pair] - logs[2, pair]
        out[7, pair] = takers[item]
        out[8, pair] = share(repeaters[item], takers[item])
        out[9, pair] = share(takes[item], takers[item])
        out[10, pair] = share(takes[item], met[item])
        out[11, pair] = share(spans[item], gaps[item])
        out[12, pair] = age(born[item], as_of, day)
        out[13, pair] = age(last[item], as_of, day)
        out[14, pair] = price[item]


@compiled
def own(
    starts: LongArray,
    took: IntArray,
    at: LongArray,
    weights: DoubleArray,
    pair_starts: LongArray,
    item_idx: IntArray,
    category: IntArray,
    brand: IntArray,
    spans: DoubleArray,
    gaps: DoubleArray,
    as_of: int,
    day: int,
    out: FloatArray,
) -> None:
    """Put what `pair_features` names of users' own events, the first 12, into float32 out (12, m).

    Args:
        starts: int64 (n + 1,), whose the positive events are; a user's stand in order of time.
        took: int32 (e,), of the positive events.
        at: int64 (e,), their instants, µs.
        weights: float64 (3, e), what is left of their weights, by half-life.
        pair_starts: int64 (n + 1,), whose the pairs are.
        item_idx: int32 (m,), of the pairs.
        category: int32 (n_items,), codes below n_items, -1 where none.
        brand: the same.
        spans: of `ItemState`.
        gaps: of `ItemState`.
        as_of: the instant, µs.
        day: µs.
        out: as above.
    """
    n_items = len(category)
    count, visits, decayed = np.zeros(n_items), np.zeros(n_items), np.zeros((3, n_items))
    first, last = np.full(n_items, -1), np.full(n_items, -1)
    of_category, of_brand = np.zeros((2, n_items + 1))  # the last, which -1 means, stays 0
    for user in range(len(starts) - 1):
        total = 0.0
        for event in range(starts[user], starts[user + 1]):
            item = took[event]
            if count[item] == 0:
                first[item] = at[event]
            visits[item] += count[item] == 0 or last[item] != at[event]
            count[item] += 1
            last[item] = at[event]
            for life in range(3):
                decayed[life, item] += weights[life, event]
            if category[item] >= 0:
                of_category[category[item]] += weights[2, event]
            if brand[item] >= 0:
                of_brand[brand[item]] += weights[2, event]
            total += weights[2, event]
        for pair in range(pair_starts[user], pair_starts[user + 1]):
            item = item_idx[pair]
            idle, gap = age(last[item], as_of, day), interval(first[item], last[item], visits[item], day)
            out[0, pair], out[1, pair] = count[item], visits[item]
            out[2, pair], out[3, pair], out[4, pair] = decayed[0, item], decayed[1, item], decayed[2, item]
            out[5, pair] = share(decayed[2, item], total)
            out[6, pair], out[7, pair], out[8, pair] = idle, gap, share(idle, gap)
            out[9, pair] = share(idle, share(spans[item], gaps[item]))
            out[10, pair] = share(of_category[category[item]], total)
            out[11, pair] = share(of_brand[brand[item]], total)
        for event in range(starts[user], starts[user + 1]):  # the next user begins with nothing
            item = took[event]
            count[item] = visits[item] = of_category[category[item]] = of_brand[brand[item]] = 0
            first[item] = last[item] = -1
            decayed[:, item] = 0


@compiled
def beside(
    pair_starts: LongArray,
    item_idx: IntArray,
    price: DoubleArray,
    user_price: DoubleArray,
    takers: DoubleArray,
    out: DoubleArray,
) -> None:
    """Put an item's price beside the user's mean price, and the item's takers, into float64 out (2, m)."""
    for user in range(len(pair_starts) - 1):
        for pair in range(pair_starts[user], pair_starts[user + 1]):
            out[0, pair] = np.divide(price[item_idx[pair]], user_price[user])
            out[1, pair] = takers[item_idx[pair]]


@compiled
def sources(scores: FloatArray, best: FloatArray, starts: LongArray, out: FloatArray) -> None:
    """Put score, relative score and place, source by source, into float32 out (3 · n_sources, m).

    Args:
        scores: float32 (n_sources, m), of the pairs of n users.
        best: float32 (n, n_sources, depth), descending.
        starts: int64 (n + 1,), whose the pairs are.
        out: as above.
    """
    for user in range(len(best)):
        first, end = np.uint64(starts[user]), np.uint64(starts[user + 1])
        for source in range(len(scores)):
            top, said = best[user, source], scores[source]
            known = place(top, len(top), -np.inf)
            lowest = top[known - 1] if known > 0 else np.float32(np.inf)
            # what decays for years ends below what float32 can take one over
            scale = np.float32(1) / max(top[0], _TINY) if top[0] > 0 else np.float32(0)
            as_is, beside, behind = out[3 * source], out[3 * source + 1], out[3 * source + 2]
            for pair in range(first, end):
                as_is[pair] = said[pair]
                beside[pair] = said[pair] * scale
            for pair in range(first, end):  # most stand behind all: no need to look between which
                behind[pair] = known if said[pair] < lowest else place(top, known, said[pair])
