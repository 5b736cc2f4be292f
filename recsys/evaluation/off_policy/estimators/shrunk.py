"""Doubly robust with shrunk weights (DRos)."""

import numpy as np

from recsys.errors import UsageError
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def shrunk(slates: Slates, *, strength: float) -> Terms:
    """As `doubly_robust`, each weight shrunk the more the larger it is.

        value_i = E_target[Σ_j q_j] + ŵ_i (Σ_j r_ij - Σ_j q_ij)
        ŵ_i = λ w_i / (w_i² + λ),   w_i = Π_j target_ij / logged_ij

    λ is `strength`: ∞ is `doubly_robust`, towards 0 it becomes `direct`; no weight exceeds √λ / 2. Biased by what the
    model misses where weights were shrunk. ŵ minimises a bound on the squared error over all weights.

    Su, Dimakopoulou, Krishnamurthy & Dudík 2020, ICML, "Doubly robust off-policy evaluation with shrinkage": the one
    they call optimistic.

    Raises:
        ShapeError: no reward model.
        UsageError: `strength` is not above 0.
    """
    if not strength > 0:
        raise UsageError(
            f"DRos: expected a strength λ above 0, got {strength}; the squares of usual weights, 1 to 10000."
        )
    model = slates.fitted("DRos")
    weights = slates.weights()
    with np.errstate(over="ignore"):
        shrunken = weights / (1 + weights * (weights / strength))
    return Terms.mean(model.value + shrunken * slates.total(slates.reward - model.predicted))
