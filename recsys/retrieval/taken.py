"""Who took what, as matrices of users and items."""

import numpy as np
from scipy.sparse import csr_array

from recsys.data.interactions import Histories
from recsys.retrieval.sparse_rows import csr
from recsys.schema import DoubleArray, Instant


def weighted(histories: Histories, weights: DoubleArray, n_items: int) -> csr_array:
    """float32 CSR (n, n_items): the weights of each user's events; those of one item stand apart and add up in use."""
    return csr(weights, histories.item_idx, histories.indptr, n_items)


def distinct(histories: Histories, n_items: int) -> csr_array:
    """float32 CSR (n, n_items): 1 where a user's events have the item."""
    rows, items = np.divmod(np.unique(histories.rows * n_items + histories.item_idx), n_items)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(histories)))])
    return csr(np.ones(len(items), np.float32), items, indptr, n_items)


def decayed(histories: Histories, n_items: int, *, as_of: Instant, half_life: float) -> csr_array:
    """The weights of positive events, halved with every `half_life` µs of their age, as `weighted` has them."""
    taken = histories.positives()
    age = np.maximum(as_of - taken.at, 0) / half_life
    return weighted(taken, np.asarray(taken.weight * np.exp2(-age), np.float64), n_items)
