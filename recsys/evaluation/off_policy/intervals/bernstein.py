"""Bounds that hold for any number of users, without a normal curve, where the largest possible total is known.

Maurer & Pontil 2009 (arXiv:0907.3740), theorem 4, for X_1 … X_n independent with values in [a, b], mean X̄ and sample
variance V, on both sides at once (δ halved):

    |X̄ - E X| ≤ √(2 V L / n) + 7 (b - a) L / (3 (n - 1)),   L = ln(4 / (1 - level))

with probability of at least `level`. The X are user totals: users are independent, their requests are not. [a, b] must
be stated before the log is looked at, such as clipping × largest reward × most requests; the largest total that was
seen is no bound. The price of certainty is width: the bounds are half again as wide as a bootstrap's where users are
many, and much wider where a rare large total is possible.

For people who look again and again there is a sequence with the same promise at all looks at once (Waudby-Smith &
Ramdas 2024, arXiv:2010.09686, theorem 2, "predictable plug-in empirical Bernstein"), for X scaled to [0, 1]:

    Σ λ_i X_i ÷ Σ λ_i ± (ln(2/α) + Σ (X_i - μ_{i-1})² (-ln(1 - λ_i) - λ_i)) ÷ Σ λ_i
    μ_i = (½ + Σ X) ÷ (i + 1),  σ²_i = (¼ + Σ (X - μ)²) ÷ (i + 1),  λ_i = min(½, √(2 ln(2/α) ÷ (σ²_{i-1} i ln(1 + i))))

over the users up to i, where λ_i looks only at those before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.compare import Estimate
from recsys.schema import DoubleArray, LongArray

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a user's total can be.

    Attributes:
        most: the largest total.
        least: the smallest; below 0 for estimators that subtract, such as doubly robust ones.
        requests: the most requests of one user.
    """

    most: float
    least: float = 0.0
    requests: float = 1.0


def per_user(totals: DoubleArray, span: Span, *, level: float = LEVEL) -> Estimate:
    """Bounds of the expected total of a user; within [least, most], which holds anyhow.

    Args:
        totals: float64 (users,), at least two.
        span: stated beforehand.
        level: probability that the bounds hold.

    Raises:
        ShapeError: fewer than two users, or a total outside the span.
    """
    _within(totals, span.least, span.most, "total")
    n, log = len(totals), np.log(4 / (1 - level))
    mean = float(totals.mean())
    radius = float(np.sqrt(2 * totals.var(ddof=1) * log / n) + 7 * (span.most - span.least) * log / (3 * (n - 1)))
    return Estimate(mean=mean, low=max(mean - radius, span.least), high=min(mean + radius, span.most), n=n)


def per_request(totals: DoubleArray, requests: DoubleArray, span: Span, *, level: float = LEVEL) -> Estimate:
    """Bounds of E[total] ÷ E[requests], the value of a request: every θ for which total - θ · requests may have mean 0.

    The bound above is asked of X_u = total_u - θ requests_u, which lies in a span as wide as most - least + |θ| (most
    requests - 1); what it cannot exclude are the θ between two roots (Fieller 1954's way from a mean to a ratio).

    Args:
        totals: float64 (users,), at least two.
        requests: float64 (users,), 1 or more each.
        span: stated beforehand.
        level: probability that the bounds hold.

    Raises:
        ShapeError: fewer than two users, or a total or number of requests outside the span.
    """
    _within(totals, span.least, span.most, "total")
    _within(requests, 1.0, span.requests, "number of requests")
    n, log = len(totals), np.log(4 / (1 - level))
    covariance = np.cov(totals, requests)

    def beyond(theta: float) -> float:
        """|mean of X| less its radius: above 0 where θ is excluded."""
        variance = covariance[0, 0] - 2 * theta * covariance[0, 1] + theta**2 * covariance[1, 1]
        width = span.most - span.least + abs(theta) * (span.requests - 1)
        radius = np.sqrt(2 * max(variance, 0.0) * log / n) + 7 * width * log / (3 * (n - 1))
        return float(abs(totals.mean() - theta * requests.mean()) - radius)

    mean = float(totals.sum() / requests.sum())
    low, high = _root(beyond, mean, min(span.least, 0.0)), _root(beyond, mean, max(span.most, 0.0))
    return Estimate(mean=mean, low=low, high=high, n=n)


def at_looks(totals: DoubleArray, span: Span, looks: LongArray, *, level: float = LEVEL) -> list[Estimate]:
    """Bounds of the expected total of a user that hold at all looks at once, however many and whenever one stops.

    The mean is the weighted one that the bounds lie about, until they meet the span.

    Args:
        totals: float64 (users,), in the order in which the users were complete (see `sequence`).
        span: stated beforehand.
        looks: int64 (k,), users counted at each look, 1 or more.
        level: probability that all bounds hold.

    Raises:
        ShapeError: fewer than two users, or a total outside the span.
    """
    _within(totals, span.least, span.most, "total")
    width, log = span.most - span.least, np.log(2 / (1 - level))
    x = (totals - span.least) / width
    i = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (i + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (i + 1)
    before, spread = np.r_[0.5, mean[:-1]], np.r_[0.25, variance[:-1]]
    bet = np.minimum(0.5, np.sqrt(2 * log / (spread * i * np.log1p(i))))
    staked = np.cumsum(bet)
    centre = np.cumsum(bet * x) / staked
    radius = (log + np.cumsum((x - before) ** 2 * (-np.log1p(-bet) - bet))) / staked
    low, high = (span.least + width * np.clip(bound, 0, 1) for bound in (centre - radius, centre + radius))
    return [
        Estimate(mean=float(span.least + width * centre[n - 1]), low=float(low[n - 1]), high=float(high[n - 1]), n=n)
        for n in looks.tolist()
    ]


def _root(beyond: Callable[[float], float], inside: float, end: float) -> float:
    """Where `beyond` turns from below 0 at `inside` to above 0 on the way to `end`; `end` where it does not.

    `beyond` is concave on either side of 0 and of the estimate, so it turns once at most where it ends above 0.
    """
    from scipy.optimize import brentq  # here, so that whoever only reads the result stays light

    return float(brentq(beyond, inside, end)) if beyond(end) > 0 else end


def _within(values: DoubleArray, least: float, most: float, what: str) -> None:
    if len(values) < 2:
        raise ShapeError(f"Expected at least two users to bound a mean, got {len(values)}.")
    low, high = float(values.min()), float(values.max())
    if not (least <= low and high <= most):
        raise ShapeError(
            f"Expected every user's {what} between {least:g} and {most:g} as stated, got {low:g} to {high:g}; state a "
            "span that holds for any log, not only for this one."
        )
