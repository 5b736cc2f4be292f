"""How likely an item stands at a place, whatever stands above it; exact, without counting lists.

`plackett_luce` lists are the order in which items arrive whose times are exponential with rates w = exp(value /
temperature) (Yellott 1977). So an item is at place j where it arrives at t and j - 1 others have before:

    P(a at j) = ∫ w_a exp(-w_a t) P(j - 1 of the others before t) dt

By log t the integrand is smooth and falls off on both sides: the sum over even steps is the integral to nine digits.

`epsilon_greedy` goes on with one number: how many of those that are better than the item are in the list.
"""

import numpy as np

from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce
from recsys.schema import DoubleArray, LongArray

STEP = 0.7
"""Of log t, over the root of the number of places, at least 4: so narrow is when the last of them comes. The error
falls with exp(-π² / step)."""

MOST_STEPS = 4096
"""Above, what a list ends with is at least e^-1000 less likely than the best: its places are unknown."""

_EARLY, _LATE = 1e-12, 40.0
"""Before, nothing has arrived but in so small a share of lists; after (times the rate), nothing is still to come."""


def standing(ranked: Ranked, at: LongArray) -> DoubleArray:
    """float64 (r, l): P(candidate at[., j] at place j + 1); 0 where there is none, NaN where it is not known.

    Args:
        ranked: policy and candidates.
        at: int64 (r, l), columns of candidates, -1 for none; none twice in a row.
    """
    match ranked.policy:
        case PlackettLuce():
            return _arriving(ranked.value / ranked.policy.temperature, at)
        case EpsilonGreedy():
            return _greedy(ranked.policy.epsilon, ranked.sizes, at)
        case _:
            return np.full(at.shape, np.nan)


def _greedy(epsilon: float, sizes: LongArray, at: LongArray) -> DoubleArray:
    """Of candidates by falling value; the state: P(so many better ones are taken, and the item is not)."""
    n, places = at.shape
    better, worse = at[:, :, None], sizes[:, None, None] - 1 - at[:, :, None]
    taken = np.arange(places)
    state = np.zeros((n, places, places))
    state[:, :, :1] = 1
    out = np.zeros((n, places))
    for j in range(places):
        any_ = epsilon / np.maximum(sizes - j, 1)[:, None, None]
        best = better == taken  # all better ones are taken
        out[:, j] = (state * (any_ + (1 - epsilon) * best))[:, j].sum(axis=1)
        up = state * (any_ * np.maximum(better - taken, 0) + (1 - epsilon) * (better > taken))
        state *= any_ * np.maximum(worse - (j - taken), 0)
        state[:, :, 1:] += up[:, :, :-1]
    return np.where(at >= 0, out, 0)


def _arriving(logit: DoubleArray, at: LongArray) -> DoubleArray:
    """Of logits (r, c), falling, -inf where there is no candidate."""
    n, places = at.shape
    if not logit.size:
        return np.zeros(at.shape)
    row = np.arange(n)[:, None]
    logit = np.where(np.isneginf(logit), logit, logit - np.where(np.isneginf(logit[:, :1]), 0, logit[:, :1]))
    last = logit[:, :places].min(axis=1, where=np.isfinite(logit[:, :places]), initial=0)
    start = np.log(_EARLY) - np.log(np.maximum(np.exp(logit).sum(axis=1), 1))
    step = STEP / max(places, 4) ** 0.5
    steps = np.ceil((np.log(_LATE) - last - start) / step)
    known = steps < MOST_STEPS
    time = start[:, None] + step * np.arange(int(steps[known].max(initial=0)) + 1)
    listed = np.where(at >= 0, np.take_along_axis(logit, np.maximum(at, 0), axis=1), -np.inf)
    others = logit.copy()
    others[np.broadcast_to(row, at.shape)[at >= 0], at[at >= 0]] = -np.inf
    out = step * _integrals(others[known], listed[known], time[known])
    return np.where(known[:, None], _spread(np.minimum(out, 1), known), np.nan)


def _spread(values: DoubleArray, rows: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> DoubleArray:
    out = np.zeros((len(rows), values.shape[1]))
    out[rows] = values
    return out


def _integrals(others: DoubleArray, listed: DoubleArray, time: DoubleArray) -> DoubleArray:
    """Σ over `time` (r, q), log t: of `listed` (r, l), the one of each place, below the rest of it and of `others`."""
    places = listed.shape[1]
    above = np.zeros((places, *time.shape))
    above[0] = 1  # P(so many have arrived), of those that are counted so far
    for column in range(others.shape[1]):
        _count(above, others[:, column, None] + time)
    below = [np.zeros_like(above) for _ in range(places)]
    below[-1][0] = 1
    for j in range(places - 1, 0, -1):
        below[j - 1][:] = below[j]
        _count(below[j - 1], listed[:, j, None] + time)
    out = np.zeros(listed.shape)
    for j in range(places):
        before = np.einsum("krq,krq->rq", above[: j + 1], below[j][j::-1])
        power = listed[:, j, None] + time
        with np.errstate(over="ignore"):
            out[:, j] = (np.exp(power - np.exp(power)) * before).sum(axis=1)
        _count(above, power)
    return out


def _count(arrived: DoubleArray, power: DoubleArray) -> None:
    """One item more among those that may have arrived: `arrived` (l, r, q), `power` (r, q), log of rate and time."""
    with np.errstate(over="ignore"):
        rate = np.exp(power)
    still, here = np.exp(-rate), -np.expm1(-rate)
    more = arrived[:-1] * here
    arrived *= still
    arrived[1:] += more
