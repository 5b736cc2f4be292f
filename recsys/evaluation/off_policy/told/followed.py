"""How likely lists were under a policy, for many requests at once; as `ranking.likelihood` without rules."""

import numpy as np

from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.schema import BoolArray, DoubleArray, LongArray


def followed(
    ranked: Ranked, at: LongArray, length: LongArray, foreign: BoolArray | None = None
) -> tuple[DoubleArray, DoubleArray]:
    """Of one list for each request.

    Args:
        ranked: the policy and its own candidates.
        at: int64 (r, l), the candidate at each place of the list; -1 where that is none.
        length: int64 (r,), how many places the list has.
        foreign: bool (r, c), candidates that the list was not drawn from; None where that is unknown.

    Returns:
        float64 (r, l), P(the item at this place | those above it), 0 below the first place that the policy could not
        have filled like that, and where there is no place; and float64 (r,), how likely it was to take a `foreign`
        candidate at one of the places before which list and policy agree, NaN where none are told.
    """
    n, places = at.shape
    row, left = np.arange(n), ranked.there.copy()
    agree, kept, out = np.ones(n, np.bool_), np.ones(n), np.zeros((n, places))
    for j in range(places):
        agree &= j < length
        chance = ranked.chances(left)
        if foreign is not None:
            kept *= np.where(agree, 1 - _total(chance, foreign), 1)
        agree &= at[:, j] >= 0
        out[agree, j] = chance[row[agree], at[agree, j]]
        agree &= out[:, j] > 0
        left[row[agree], at[agree, j]] = False
    outside = np.full(n, np.nan) if foreign is None else np.clip(1 - kept, 0, 1)
    return np.minimum(out, 1), outside


def _total(chance: DoubleArray, foreign: BoolArray) -> DoubleArray:
    return np.asarray(np.einsum("ij,ij->i", chance, foreign), np.float64)
