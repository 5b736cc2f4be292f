"""How often an item stands at a position, whatever stands above it; exact, by enumeration."""

import numpy as np

from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.policies import Valued
from recsys.schema import DoubleArray

_TINY = 1e-10


def marginals(orders: Orders, policy: Valued) -> DoubleArray:
    """float64 (kinds, L, n_items): P(item at position)."""
    size = len(policy.value), *_size(orders)
    return (orders.probability(policy) @ indicators(orders)).reshape(size)


def pseudo_inverse(orders: Orders, logging: Valued, target: Valued) -> DoubleArray:
    """float64 (kinds, K): the weight of each list, 1_s' Γ⁺ θ (Swaminathan et al. 2017, eq. 4).

    1_s is a list's vector of ones at its (position, item), Γ the mean of 1_s 1_s' when lists are logged, θ the mean of
    1_s under the target: its marginals.
    """
    ones = indicators(orders)
    weight = np.empty((len(logging.value), len(ones)))
    theta = orders.probability(target) @ ones
    for kind, probability in enumerate(orders.probability(logging)):
        gamma = (ones.T * probability) @ ones
        weight[kind] = ones @ (np.linalg.pinv(gamma, rcond=_TINY, hermitian=True) @ theta[kind])
    return weight


def _size(orders: Orders) -> tuple[int, int]:
    return orders.item.shape[1], orders.n_items


def indicators(orders: Orders) -> DoubleArray:
    """float64 (K, L * n_items), a one for each position of a list."""
    positions, n_items = _size(orders)
    ones = np.zeros((len(orders.item), positions * n_items))
    np.put_along_axis(ones, (orders.item + n_items * np.arange(positions)).astype(np.int64), 1, axis=1)
    return ones
