"""Inverse propensity scoring with a largest weight."""

import numpy as np

from recsys.errors import UsageError
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def clipped(slates: Slates, *, most: float) -> Terms:
    """As `ips`, no weight larger than `most`.

        value_i = min(w_i, most) Σ_j r_ij,   w_i = Π_j target_ij / logged_ij

    Rewards are ≥ 0, so it is biased downwards, by what the judged policy earns above `most`; its variance is bounded.

    Ionides 2008, J. Comp. Graph. Stat. 17, 295 (truncated importance sampling); Bottou et al. 2013, JMLR 14, 3207.

    Raises:
        UsageError: `most` is not above 0.
    """
    if not most > 0:
        raise UsageError(f"Clipped IPS: expected a largest weight above 0, got {most}; 10 to 100 are usual.")
    return Terms.mean(np.minimum(slates.weights(), most) * slates.rewards())
