"""Means, differences and ratios over users, each with the interval that says how far to trust it.

All intervals are 95 % percentile intervals of a bootstrap over users (Efron & Tibshirani 1993, ch. 13): users are drawn
with replacement, as many as there are, and the statistic is recomputed whole. Two methods are compared on the same
draw (paired), so that what makes a user easy or hard for both drops out. Equal numbers of users meet equal draws.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from recsys.errors import ShapeError
from recsys.evaluation.metrics import USER
from recsys.schema import DoubleArray

TAILS = (0.025, 0.975)
_BLOCK = 4_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic over n users and its 95 % interval.

    Without bounds where resampling says nothing: one user, or all alike, such as all 0.
    """

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A mean paired difference over n users and its 95 % interval, without bounds where an `Estimate` has none.

    `differing` of the users have a difference other than 0.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    differing: int

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of zero, else 0: not told apart."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def metrics_of(per_user: pl.DataFrame) -> list[str]:
    """The metric columns of a per-user frame."""
    return [name for name in per_user.columns if name != USER]


def estimates(per_user: pl.DataFrame, *, samples: int, seed: int) -> dict[str, Estimate]:
    """The mean of every metric over the users; a null is a user for whom the metric has no meaning, and is left out.

    A metric without any value has no entry.
    """
    names = metrics_of(per_user)
    return _means(_values(per_user, names), names, samples=samples, seed=seed)


def differences(a: pl.DataFrame, b: pl.DataFrame, *, samples: int, seed: int) -> dict[str, Difference]:
    """The mean of a - b over the same users, for every metric that both frames have.

    Raises:
        ShapeError: the frames hold other users.
    """
    a, b = _aligned(a, b)
    names = [name for name in metrics_of(a) if name in b.columns]
    each = _values(a, names) - _values(b, names)
    means = _means(each, names, samples=samples, seed=seed)
    differing = dict(zip(names, np.count_nonzero(np.nan_to_num(each), axis=0).tolist(), strict=True))
    return {
        name: Difference(mean=e.mean, low=e.low, high=e.high, n=e.n, differing=differing[name])
        for name, e in means.items()
    }


def estimate(per_user: pl.DataFrame, metric: str, *, samples: int = 2000, seed: int = 0) -> Estimate:
    """The mean of one metric.

    Raises:
        ShapeError: no such metric, or no user has it.
    """
    return _only(estimates(per_user.select(USER, _has(per_user, metric)), samples=samples, seed=seed), metric)


def compare(
    per_user_a: pl.DataFrame, per_user_b: pl.DataFrame, metric: str, *, samples: int = 2000, seed: int = 0
) -> Difference:
    """The mean of a - b of one metric over the same users.

    Raises:
        ShapeError: the frames hold other users, no such metric, or no user has it.
    """
    a, b = (frame.select(USER, _has(frame, metric)) for frame in (per_user_a, per_user_b))
    return _only(differences(a, b, samples=samples, seed=seed), metric)


def ratio(
    per_user_a: pl.DataFrame, per_user_b: pl.DataFrame, metric: str, *, samples: int = 2000, seed: int = 0
) -> Estimate | None:
    """mean(a) ÷ mean(b) of one metric over the same users, both means recomputed in each resample.

    None where mean(b) is 0: nothing to keep a share of.

    Raises:
        ShapeError: the frames hold other users, or no such metric.
    """
    a, b = _aligned(*(frame.select(USER, _has(frame, metric)) for frame in (per_user_a, per_user_b)))
    over, under = _values(a, [metric]), _values(b, [metric])
    if not under.sum() > 0:
        return None
    low, high = _intervals(_resampled(over, under, samples=samples, seed=seed))[0]
    return Estimate(mean=float(over.sum() / under.sum()), low=low, high=high, n=len(a))


def _means(values: DoubleArray, names: list[str], *, samples: int, seed: int) -> dict[str, Estimate]:
    """The mean of each column of (n, m) over its rows that are not NaN; none for a column without any."""
    known = ~np.isnan(values)
    filled, counts = np.where(known, values, 0.0), known.sum(0)
    bounds = _intervals(_resampled(filled, known.astype(np.float64), samples=samples, seed=seed))
    found = {}
    for j in np.flatnonzero(counts):
        low, high = bounds[j]
        mean = float(filled[:, j].sum() / counts[j])
        found[names[j]] = Estimate(mean=mean, low=low, high=high, n=int(counts[j]))
    return found


def _resampled(over: DoubleArray, under: DoubleArray, *, samples: int, seed: int) -> DoubleArray:
    """(samples, m): Σ over ÷ Σ under, column by column of (n, m), over n rows drawn with replacement."""
    n = len(over)
    rng = np.random.default_rng(seed)
    parts = []
    step = max(1, _BLOCK // max(n, 1))
    for start in range(0, samples, step):
        size = min(step, samples - start)
        drawn = rng.integers(0, max(n, 1), (size, n)) + np.arange(size)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append((times @ over) / (times @ under))
    return np.concatenate(parts)


def _intervals(resampled: DoubleArray) -> list[tuple[float | None, float | None]]:
    """The 2.5 % and 97.5 % quantile of each column; None where a resample was undefined, or all came out the same."""
    with np.errstate(invalid="ignore"):
        bounds = np.quantile(resampled, TAILS, axis=0)
        told = np.isfinite(bounds).all(0) & (np.ptp(resampled, axis=0) > 1e-12)
    return [
        (float(low), float(high)) if known else (None, None) for (low, high), known in zip(bounds.T, told, strict=True)
    ]


def _values(frame: pl.DataFrame, names: list[str]) -> DoubleArray:
    """float64 (n, m), NaN for null."""
    return np.asarray(frame.select(pl.col(names).cast(pl.Float64).fill_null(float("nan"))).to_numpy(), np.float64)


def _aligned(a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    a, b = a.sort(USER), b.sort(USER)
    if not a[USER].equals(b[USER]) or a[USER].n_unique() != len(a):
        shared = len(set(a[USER].to_list()) & set(b[USER].to_list()))
        raise ShapeError(
            f"Expected two methods judged on the same users, once each, got {len(a)} and {len(b)} rows with {shared} "
            "users in common; judge both on one truth."
        )
    return a, b


def _has(frame: pl.DataFrame, metric: str) -> str:
    if metric not in metrics_of(frame):
        raise ShapeError(f"Expected a metric among {', '.join(metrics_of(frame))}, got {metric!r}.")
    return metric


def _only(found: dict[str, T], metric: str) -> T:
    if metric not in found:
        raise ShapeError(f"Expected at least one user with a {metric}, got none; widen the test window.")
    return found[metric]
