"""Peers on the matrix of who took what: item neighbours, EASE, and implicit's factors."""

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_array, csr_matrix, diags_array, vstack
from threadpoolctl import threadpool_limits

from recsys.retrieval.ease import Ease
from recsys.retrieval.neighbours import strongest
from tests.bench.versus_peers.window import Window
from tests.bench.versus_peers.worker import Answer, Limits, Settings, main

_ROWS = 2048
_K1, _B = 1.2, 0.75


def itemknn(window: Window, settings: Settings, limits: Limits) -> Answer:
    """An item's score: the sum of its cosines with the user's items, of each of whose neighbours the nearest are kept.

    cos(i, j) = x_i·x_j ÷ (|x_i| |x_j| + shrinkage): Deshpande & Karypis 2004; shrinkage and weights of users as in
    Ferrari Dacrema, Cremonesi & Jannach 2019 (RecSys).
    """
    taken = window.taken(settings["counting"])
    weights = similarities(taken, settings)
    return Answer(lists=window.lists(lambda users: (taken[users] @ weights).toarray()))


def similarities(taken: csr_array, settings: Settings) -> csr_array:
    """float32 CSR (n_items, n_items): row i holds what an i in a history says of other items."""
    weighted = weigh(taken, settings["weighting"]).tocsc().astype(np.float64)
    lengths = np.sqrt(weighted.multiply(weighted).sum(axis=0))
    parts = []
    for start in range(0, taken.shape[1], _ROWS):
        dots = (weighted[:, start : start + _ROWS].T @ weighted).tocoo()
        norms = lengths[start + dots.row] * lengths[dots.col] + settings["shrinkage"]
        cosines = csr_array((dots.data / norms, (dots.row, dots.col)), shape=dots.shape)
        parts.append(strongest(cosines, settings["neighbours"], start))
    found = csr_array(vstack(parts))
    if settings["own"] == "kept":
        found = found + diags_array(lengths**2 / np.maximum(lengths**2 + settings["shrinkage"], 1e-12))
    return csr_array(found.astype(np.float32))


def weigh(taken: csr_array, weighting: str) -> csr_array:
    """none; tf-idf: √count · log(1 + items ÷ items of the user); bm25 (Robertson & Zaragoza 2009), k1 1.2, b .75."""
    n_items, sizes = taken.shape[1], np.diff(taken.indptr)
    if weighting == "none":
        return taken
    rarity = np.log1p(n_items / np.maximum(sizes, 1))
    if weighting == "tf-idf":
        return csr_array(diags_array(rarity) @ taken.power(0.5))
    counts = np.bincount(taken.indices, taken.data, minlength=n_items)
    long = 1 - _B + _B * counts / max(counts[counts > 0].mean(), 1e-12)
    columns = taken.indices
    found = taken.copy()
    found.data = taken.data * (_K1 + 1) / (_K1 * long[columns] + taken.data)
    return csr_array(diags_array(rarity) @ found)


def ease(window: Window, settings: Settings, limits: Limits) -> Answer:
    """Every item a linear regression on all others (Steck 2019)."""
    taken = window.taken(settings["counting"])
    model = Ease.of(taken, l2=settings["l2"], max_items=window.shape[1])
    return Answer(lists=window.lists(lambda users: model.scores(csr_array(taken[users]))))


def als(window: Window, settings: Settings, limits: Limits) -> Answer:
    """implicit's alternating least squares (Hu, Koren & Volinsky 2008)."""
    with threadpool_limits(1, "blas"):  # its threads and those of BLAS would wait for each other
        model = AlternatingLeastSquares(
            factors=settings["factors"],
            regularization=settings["regularization"],
            alpha=settings["alpha"],
            iterations=settings["iterations"],
            num_threads=limits.threads,
            random_state=limits.seed,
        )
        model.fit(csr_matrix(window.taken(settings["counting"])), show_progress=False)
    return Answer(lists=window.lists(lambda users: model.user_factors[users] @ model.item_factors.T))


def bpr(window: Window, settings: Settings, limits: Limits) -> Answer:
    """implicit's Bayesian personalised ranking (Rendle et al. 2009)."""
    model = BayesianPersonalizedRanking(
        factors=settings["factors"],
        learning_rate=settings["rate"],
        regularization=settings["regularization"],
        iterations=settings["iterations"],
        num_threads=limits.threads,
        random_state=limits.seed,
    )
    model.fit(csr_matrix(window.taken()), show_progress=False)
    return Answer(lists=window.lists(lambda users: model.user_factors[users] @ model.item_factors.T))


if __name__ == "__main__":
    main({"itemknn": itemknn, "ease": ease, "als": als, "bpr": bpr})
