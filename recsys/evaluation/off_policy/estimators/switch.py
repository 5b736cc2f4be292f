"""SWITCH: doubly robust where weights are small, the model alone where they are large."""

import numpy as np

from recsys.errors import UsageError
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def switch(slates: Slates, *, most: float) -> Terms:
    """As `doubly_robust` on lists whose weight is at most `most`, else as `direct`.

        value_i = E_target[Σ_j q_j] + w_i 1{w_i ≤ most} (Σ_j r_ij - Σ_j q_ij),   w_i = Π_j target_ij / logged_ij

    Biased by what the model misses where weights are large. `most` = ∞ is `doubly_robust`.

    Wang, Agarwal & Dudík 2017, ICML, "Optimal and adaptive off-policy evaluation in contextual bandits" (SWITCH-DR).

    Raises:
        ShapeError: no reward model.
        UsageError: `most` is not above 0.
    """
    if not most > 0:
        raise UsageError(f"SWITCH: expected a largest weight above 0, got {most}; 10 to 100 are usual.")
    model = slates.fitted("SWITCH")
    weights = slates.weights()
    missed = slates.total(slates.reward - model.predicted)
    return Terms.mean(model.value + np.where(weights <= most, weights, 0.0) * missed)
