"""The same experiment with less noise: what users did before it explains part of what they do in it.

CUPED (Deng, Xu, Kohavi & Walker 2013, doi:10.1145/2433396.2433413): of a user's value Y and a covariate X from before,

    Y' = Y - θ (X - mean X),    θ = cov(Y, X) ÷ var(X),    var(Y') = (1 - corr(Y, X)²) var(Y)

X cannot have been changed by the arm, so the difference between arms of Y' is that of Y, with less error. θ is taken
within the arms and pooled, so that an effect of the arm is not taken for a part of the slope; that it is estimated
costs an error of order 1 ÷ users.
"""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import BoolArray, DoubleArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Values without what the past explains.

    Attributes:
        value: float64 (users,), as many as before, with the same mean over all.
        theta: slope on the covariate.
        reduction: share of the variance within arms that is gone, in [0, 1].
        covered: users whose past is known.
    """

    value: DoubleArray
    theta: float
    reduction: float
    covered: int


def adjust(value: DoubleArray, before: DoubleArray, arm_idx: IntArray) -> Adjusted:
    """Values less what the covariate explains.

    Args:
        value: float64 (users,), what each did in the experiment; of a ratio, `clusters.linearised`.
        before: float64 (users,), the covariate from before each user's first request in it; NaN where there is no past.
            Such a user is left as is, which is fair as long as new users are as common in each arm.
        arm_idx: int32 (users,), the arm of each, from 0.

    Raises:
        ShapeError: other lengths, or nobody.
    """
    if not len(value) or not value.shape == before.shape == arm_idx.shape:
        raise ShapeError(
            f"Expected a value, a past and an arm for each of at least one user, got {value.shape}, {before.shape} and "
            f"{arm_idx.shape}."
        )
    known = ~np.isnan(before)
    past = np.where(known, before - _mean(before[known]), 0.0)
    x, y = _within(past, known, arm_idx), _within(value, np.ones_like(known), arm_idx)
    spread = float(x @ x)
    theta = float(x @ y) / spread if spread > 0 else 0.0
    left, whole = y - theta * x, float(y @ y)
    return Adjusted(
        value=value - theta * past,
        theta=theta,
        reduction=max(0.0, 1 - float(left @ left) / whole) if whole > 0 else 0.0,
        covered=int(known.sum()),
    )


def _within(column: DoubleArray, known: BoolArray, arm_idx: IntArray) -> DoubleArray:
    """The column less the mean of its arm over who is known; 0 for the others."""
    count = np.bincount(arm_idx, weights=known)
    mean = np.bincount(arm_idx, weights=column * known) / np.maximum(count, 1)
    return np.where(known, column - mean[arm_idx], 0.0)


def _mean(column: DoubleArray) -> float:
    return float(column.mean()) if len(column) else 0.0
