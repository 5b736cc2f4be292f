"""What lists of a policy earn by a reward model."""

import numpy as np

from recsys.evaluation.off_policy.told.noise import uniforms
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.schema import DoubleArray, LongArray

DRAWS = 4
"""Lists of each request that what it earns is the mean of. Each place below drawn ones counts with all that may follow,
so the first is exact, and what is left differs between requests by far more than between draws; it has no bias."""


def earned(
    ranked: Ranked, worth: DoubleArray, looked: DoubleArray, length: LongArray, *, seed: int, request: LongArray
) -> DoubleArray:
    """float64 (r,): Σ_j looked_j Σ_a P(a | those above, drawn) worth(a), the mean of DRAWS.

    Args:
        ranked: the policy and its candidates of r requests.
        worth: float64 (r, c), of each candidate.
        looked: float64 (r, l), that a place is looked at.
        length: int64 (r,), places of each list; fewer where there are fewer candidates.
        seed: of the draws.
        request: int64 (r,), numbers of the requests, that draws go by.
    """
    places = int(length.max(initial=0))
    out, row = np.zeros(len(ranked)), np.arange(len(ranked))
    number = uniforms(seed, request, DRAWS * places).reshape(len(ranked), DRAWS, places)
    for draw in range(DRAWS):
        left = ranked.there.copy()
        for j in range(places):
            chance = ranked.chances(left)
            out += np.where(j < length, looked[:, j], 0) * np.einsum("ij,ij->i", chance, worth)
            ends = np.cumsum(chance, axis=1)
            drawn = (ends <= number[:, draw, j, None] * ends[:, -1:]).sum(axis=1)
            filled = drawn < left.shape[1]
            left[row[filled], drawn[filled]] = False
    return out / DRAWS
