"""Pseudo-inverse weights of logged lists, where all lists that there can be are few enough to be counted."""

from math import perm

import numpy as np

from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.simulation.marginals import indicators
from recsys.evaluation.simulation.orders import MOST, Orders
from recsys.evaluation.simulation.policies import Valued
from recsys.schema import BoolArray, DoubleArray, IntArray, LongArray

CELLS = 64
"""Candidates times places, at most: the weight comes from a matrix that has the square of it, for each request."""

_TINY = 1e-10


def countable(candidates: LongArray, places: LongArray) -> BoolArray:
    """Bool (r,): whether lists of so many places, of so many candidates, can be counted.

    >>> countable(np.array([7, 8, 40, 2, 3]), np.array([7, 7, 1, 3, 0])).tolist()
    [True, False, True, False, False]
    """
    fits = [
        1 <= k <= c and c * k <= CELLS and perm(c, k) <= MOST
        for c, k in zip(candidates.tolist(), places.tolist(), strict=True)
    ]
    return np.array(fits, np.bool_)


def list_weights(logging: Ranked, target: Ranked, listed: IntArray) -> DoubleArray:
    """float64 (r,): 1_s' Γ⁺ θ of each logged list s (Swaminathan et al. 2017, eq. 4), as `simulation.marginals` has it.

    What the target shows and the log could not is missing in θ, as it is in the log: `outside` tells of it.

    Args:
        logging: what r lists were drawn from, as many candidates for each.
        target: what the judged policy draws from, as many candidates for each.
        listed: int32 (r, l), codes of the items of the lists, all candidates of the log; `countable` for both.
    """
    places = listed.shape[1]
    orders = Orders.of(logging.item.shape[1], places)
    ones = indicators(orders)
    gamma = np.einsum("rk,ka,kb->rab", orders.probability(_valued(logging, places)), ones, ones, optimize=True)
    aims = Orders.of(target.item.shape[1], places)
    shown = aims.probability(_valued(target, places)) @ indicators(aims)
    at = logging.place(target.item)
    theta = np.zeros((len(listed), places, logging.item.shape[1]))
    row, column = np.nonzero(at >= 0)
    theta[row, :, at[row, column]] = shown.reshape(len(listed), places, -1)[row, :, column]
    solved = np.linalg.pinv(gamma, rcond=_TINY, hermitian=True) @ theta.reshape(len(listed), -1, 1)
    own = np.take_along_axis(solved.reshape(theta.shape), logging.place(listed)[:, :, None], axis=2)
    return np.asarray(own.sum(axis=(1, 2)), np.float64)


def _valued(ranked: Ranked, places: int) -> Valued:
    return Valued(policy=ranked.policy, value=ranked.value, positions=places)
