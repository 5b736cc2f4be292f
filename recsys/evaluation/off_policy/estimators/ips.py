"""Inverse propensity scoring."""

from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def ips(slates: Slates) -> Terms:
    """Every list's reward, weighed by how much likelier the judged policy shows the list.

        value_i = w_i Σ_j r_ij,   w_i = Π_j target_ij / logged_ij

    Unbiased whatever a reward depends on, where the logging policy can show every list the judged one shows. The
    variance grows with the product, so with the length of the lists.

    Horvitz & Thompson 1952, JASA 47, 663; for policies Precup, Sutton & Singh 2000, ICML.
    """
    return Terms.mean(slates.weights() * slates.rewards())
