"""Self-normalised inverse propensity scoring."""

from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def snips(slates: Slates) -> Terms:
    """As `ips`, divided by the mean weight, which is 1 only in expectation.

        Σ_i w_i Σ_j r_ij ÷ Σ_i w_i,   w_i = Π_j target_ij / logged_ij

    Consistent, with a bias that falls as 1/n; lies within the rewards seen; a constant added to every list's reward is
    added to the estimate. Often far less variance than `ips`.

    Swaminathan & Joachims 2015, NeurIPS, "The self-normalized estimator for counterfactual learning"; Hesterberg 1995,
    Technometrics 37, 185.
    """
    weights = slates.weights()
    return Terms(value=weights * slates.rewards(), weight=weights)
