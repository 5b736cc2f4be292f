"""Item factors of implicit ALS."""

from dataclasses import dataclass

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from recsys.retrieval.config import BehaviourConfig
from recsys.schema import DoubleArray, FloatArray, IntArray


def factors(taken: csr_array, config: BehaviourConfig, seed: int, threads: int) -> FloatArray:
    """float32 (n_items, f), item factors of implicit ALS (Hu, Koren, Volinsky 2008).

    Items nobody took get a zero row, and so do those beyond `als_max_items`: the model is fitted without them.

    Args:
        taken: float32 CSR (n_users, n_items), 1 where a user took an item.
        config: the settings.
        seed: of the first factors.
        threads: CPU threads.
    """
    made = np.zeros((taken.shape[1], config.als_factors), np.float32)
    if not taken.nnz:
        return made
    takers = np.asarray(taken.sum(axis=0)).ravel()
    items, most = np.arange(len(takers)), config.als_max_items
    if len(takers) > most:
        items = np.sort(np.argsort(-takers, kind="stable")[:most])
        taken = csr_array(taken[:, items])
    with threadpool_limits(1, "blas"):  # its threads and those of BLAS would wait for each other
        model = AlternatingLeastSquares(
            factors=config.als_factors,
            regularization=config.als_regularization,
            alpha=config.als_alpha,
            iterations=config.als_iterations,
            random_state=seed,
            num_threads=threads,
        )
        model.fit(csr_matrix(taken), show_progress=False)
    made[items] = np.array(model.item_factors, np.float32)
    made[takers == 0] = 0
    return made


def gram(als: FloatArray, config: BehaviourConfig) -> DoubleArray:
    """float64 (f, f), YᵀY + λI."""
    double = als.astype(np.float64)
    return np.asarray(double.T @ double + config.als_regularization * np.eye(als.shape[1]), np.float64)


@dataclass(frozen=True, slots=True)
class Covered:
    """The items that have factors, where most have none, so that a user's scores cost no more than these.

    Attributes:
        items: int32 (e,), ascending.
        factors: float32 (e, f), theirs.
    """

    items: IntArray
    factors: FloatArray

    @classmethod
    def of(cls, als: FloatArray, config: BehaviourConfig) -> "Covered | None":
        """None in a catalogue that ALS covers as a whole."""
        if len(als) <= config.als_max_items:
            return None
        items = np.flatnonzero(als.any(axis=1)).astype(np.int32)
        return cls(items, als[items])

    def put(self, user: FloatArray, out: FloatArray) -> None:
        """Into `out`, float32 (n_items,), the product of each of these items with a user's factors."""
        out[self.items] = np.einsum("if,f->i", self.factors, user)
