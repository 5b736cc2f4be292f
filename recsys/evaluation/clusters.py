"""Requests of one user are alike, so a user is the unit of every error: sums per user, and the variance of a ratio.

A statistic is a ratio θ = Σ_u S_u ÷ Σ_u N_u of user totals: rewards over requests, or weighted rewards over weights.
Its error follows from each user's part in it (delta method; Deng, Knoblich & Lu 2018, doi:10.1145/3219819.3219919)

    part_u = (S_u - θ N_u) ÷ mean(N),    error² = var(part) ÷ users

which holds for many users, with none that outweighs the others.
"""

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import DoubleArray, IntArray


def checked(user_idx: IntArray, *columns: DoubleArray) -> None:
    """Refuse columns that do not belong to the users.

    Args:
        user_idx: int32 (n,), a code >= 0 for each request.
        columns: float64 (n,) each.

    Raises:
        ShapeError: no request, other lengths, or a negative code.
    """
    n = len(user_idx)
    lengths = sorted({len(column) for column in columns})
    if not n or lengths not in ([], [n]):
        raise ShapeError(f"Expected a user and a value for each of at least one request, got {n} users for {lengths}.")
    if int(user_idx.min()) < 0:
        raise ShapeError(f"Expected user codes from 0, got {int(user_idx.min())}; leave out requests without a user.")


def totals(user_idx: IntArray, column: DoubleArray) -> DoubleArray:
    """float64 (users,), the sum over each user's requests, by rising code; users without a request are left out.

    Raises:
        ShapeError: see `checked`, or a sum that is not a number.
    """
    checked(user_idx, column)
    summed = np.bincount(user_idx, weights=column)[np.bincount(user_idx) > 0]
    if not np.isfinite(summed).all():
        raise ShapeError(
            f"Expected numbers to sum over users, got {np.count_nonzero(~np.isfinite(column)):,} that are none; refuse "
            "such requests before they are judged."
        )
    return np.asarray(summed, np.float64)


def linearised(value: DoubleArray, weight: DoubleArray) -> DoubleArray:
    """float64 (users,), θ + part_u: one number a user, whose mean is Σ value ÷ Σ weight, with that ratio's error.

    Args:
        value: (users,), S_u.
        weight: (users,), N_u.

    Raises:
        ShapeError: other lengths, or weights that sum to nothing.
    """
    if value.shape != weight.shape or not weight.sum() > 0:
        raise ShapeError(
            f"Expected as many totals as weights, with a sum over 0, got {value.shape} and {weight.shape} that sum to "
            f"{weight.sum():g}."
        )
    ratio = value.sum() / weight.sum()
    return np.asarray(ratio + (value - ratio * weight) / weight.mean(), np.float64)


def error(per_user: DoubleArray) -> float:
    """Standard error of the mean over users of (users,); infinite for fewer than two."""
    n = len(per_user)
    return float(per_user.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf")
