"""Reward-interaction inverse propensity scoring."""

from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def reward_interaction(slates: Slates) -> Terms:
    """Every row's reward, weighed by how much likelier the judged policy shows the list down to that row.

        value_i = Σ_j r_ij w_ij,   w_ij = Π_{k ≤ j} target_ik / logged_ik

    Unbiased where a reward depends on the item and those above it, not on those below (cascade). Equals `ips` for one
    position.

    McInerney, Brost, Chandar, Mehrotra & Carterette 2020, KDD, "Counterfactual evaluation of slate recommendations with
    sequential reward interactions".
    """
    return Terms.mean(slates.total(slates.reward * slates.cumulative_weights()))
