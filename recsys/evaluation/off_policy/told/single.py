"""Logs of lists with one place: nothing stands above it, so that all probabilities are marginal."""

import numpy as np

from recsys.evaluation.off_policy.estimators.slates import Marginals
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.schema import DoubleArray


def one_place(logged: Logged) -> bool:
    """Whether no list has a second place."""
    return bool(np.diff(logged.indptr).max(initial=0) <= 1)


def single_places(logged: Logged, probability: DoubleArray) -> tuple[Marginals, DoubleArray]:
    """Marginals, and the pseudo-inverse weight of each list, float64 (n,): the ratio; 1 for a list without places.

    Args:
        logged: with lists of at most one place.
        probability: float64 (m,), of each under the judged policy; NaN where unknown.
    """
    known = ~np.isnan(probability)
    pseudo = np.ones(len(logged))
    pseudo[np.flatnonzero(np.diff(logged.indptr))] = probability / logged.propensity
    return Marginals(logged=np.where(known, logged.propensity, np.nan), target=probability), pseudo
