"""The doubly robust estimator on whole lists."""

from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def doubly_robust(slates: Slates) -> Terms:
    """What the model says, and `ips` of what it missed on the lists shown.

        value_i = E_target[Σ_j q_j] + w_i (Σ_j r_ij - Σ_j q_ij),   w_i = Π_j target_ij / logged_ij

    Unbiased where the propensities are right, whatever the model says, and also where the model is right, whatever the
    propensities say. The better the model, the smaller the variance.

    Dudík, Langford & Li 2011, ICML; Dudík, Erhan, Langford & Li 2014, Statist. Sci. 29, 485.

    Raises:
        ShapeError: no reward model.
    """
    model = slates.fitted("Doubly robust")
    missed = slates.total(slates.reward - model.predicted)
    return Terms.mean(model.value + slates.weights() * missed)
