"""How much of a log speaks of the judged policy: what to look at before any estimate."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import DoubleArray, IntArray

TAIL = (0.5, 0.9, 0.99, 0.999)
"""Quantiles of the weights that `Overlap.tail` tells."""

EDGES = tuple(10 ** (half / 4) for half in range(-13, 15, 2))
"""Between the bins of `Overlap.histogram` for weights above 0: half decades around 0.001 to 1,000, 0.56 to 1.78 among
them."""

_ROUNDING = 1e-4
"""A distance of the mean weight from 1 that says nothing: scores are in single precision, which a temperature
multiplies, so that a policy judged on its own log has weights of 1 ± 1e-6, whose error may be smaller still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What the weights of n requests w_i, of U users, tell of an estimate that is made with them.

        effective = (Σ w)² / Σ w²                                                              Kish 1965, § 8.2
        error² = U/(U-1) Σ_u (Σ_{i of u} (w_i - mean))² / n²      Liang & Zeger 1986, Biometrika 73, 13, of a mean

    A mean weight away from 1 says that the propensities are wrong, or that the judged policy shows what the logging
    policy cannot (Li, Chen, Kleban & Gupta 2015, WWW companion, use it as a check). Where weights may be negative, as
    pseudo-inverse ones, largest, largest_user, tail and histogram are of their absolute values.

    Attributes:
        requests: n.
        users: U.
        effective: the number of requests of the judged policy itself that would tell as much.
        mean: of the weights.
        error: standard error of the mean, users as clusters; None with one user.
        largest: the largest weight.
        largest_user: share of all weight that the user with the most has.
        tail: quantiles of the weights at `TAIL`.
        histogram: requests of weight 0, of less than the first of `EDGES`, from each edge to the next, from the last.
        unsupported: mean share of the judged policy on what was no candidate; None where it is known of no request.
    """

    requests: int
    users: int
    effective: float
    mean: float
    error: float | None
    largest: float
    largest_user: float
    tail: tuple[float, ...]
    histogram: tuple[int, ...]
    unsupported: float | None

    @property
    def off(self) -> float | None:
        """How many standard errors the mean lies from 1; 0 within rounding; None with one user."""
        if self.error is None:
            return None
        away = self.mean - 1
        if abs(away) <= _ROUNDING:
            return 0.0
        return away / self.error if self.error > 0 else float(np.copysign(np.inf, away))

    @classmethod
    def of(cls, weight: DoubleArray, user_idx: IntArray, outside: DoubleArray | None = None) -> "Overlap":
        """Of the weights that an estimator uses.

        Args:
            weight: float64 (n,), one a request, finite.
            user_idx: int32 (n,), dense codes.
            outside: float64 (n,), the judged policy's probability of what was no candidate, NaN where unknown.

        Raises:
            ShapeError: no requests, or arrays that do not fit each other.
        """
        shapes = [each.shape for each in (weight, user_idx, outside) if each is not None]
        if len(weight) == 0 or set(shapes) != {(len(weight),)}:
            raise ShapeError(
                f"Overlap: expected a weight and a user for each of at least one request, got shapes "
                f"{', '.join(map(str, shapes))}; make them from one Slates."
            )
        size = np.abs(weight)
        largest = float(size.max())
        of_user = np.bincount(user_idx, size)
        users = int(np.count_nonzero(np.bincount(user_idx)))
        return cls(
            requests=len(weight),
            users=users,
            effective=_effective(weight, largest),
            mean=float(weight.mean()),
            error=_error(weight, user_idx, users),
            largest=largest,
            largest_user=float(of_user.max() / of_user.sum()) if largest else 0.0,
            tail=tuple(float(q) for q in np.quantile(size, TAIL)),
            histogram=_counts(size),
            unsupported=_known_mean(outside),
        )


def _effective(weight: DoubleArray, largest: float) -> float:
    """Divided by the largest first: the squares of small weights may all be 0."""
    if largest == 0:
        return 0.0
    part = weight / largest
    return float(part.sum() ** 2 / (part @ part))


def _error(weight: DoubleArray, user_idx: IntArray, users: int) -> float | None:
    if users < 2:
        return None
    away = np.bincount(user_idx, weight - weight.mean())
    return float(np.sqrt(users / (users - 1) * (away @ away)) / len(weight))


def _counts(size: DoubleArray) -> tuple[int, ...]:
    bins = np.where(size > 0, np.searchsorted(EDGES, size, side="right") + 1, 0)
    return tuple(np.bincount(bins, minlength=len(EDGES) + 2).tolist())


def _known_mean(outside: DoubleArray | None) -> float | None:
    known = np.zeros(0) if outside is None else outside[~np.isnan(outside)]
    return float(known.mean()) if len(known) else None
