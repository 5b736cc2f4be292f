"""The doubly robust estimator under the cascade assumption."""

from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def cascade(slates: Slates) -> Terms:
    """What the model says, and `reward_interaction` of what it missed on the rows shown.

        value_i = E_target[Σ_j q_j] + Σ_j w_ij (r_ij - q_ij),   w_ij = Π_{k ≤ j} target_ik / logged_ik

    Unbiased where a reward depends on the item and those above it, and the propensities or the model are right. Equals
    `doubly_robust` for one position.

    Kiyohara et al. write Σ_j [w_ij (r_ij - Q_ij) + w_i,j-1 V_ij] with Q_j = q_j + V_j+1 the reward to come from j on,
    and V_j = E_target[Q_j | a_<j]; then V_j+1 cancels between neighbours, and V_1 is the value above.

    Kiyohara, Saito, Matsuhiro, Narita, Shimizu & Yamamoto 2022, WSDM, "Doubly robust off-policy evaluation for ranking
    policies under the cascade behavior model".

    Raises:
        ShapeError: no reward model.
    """
    model = slates.fitted("Cascade-DR")
    missed = slates.reward - model.predicted
    return Terms.mean(model.value + slates.total(slates.cumulative_weights() * missed))
