"""The pseudo-inverse estimator for lists."""

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def pseudo_inverse(slates: Slates) -> Terms:
    """Every list's reward, weighed by the pseudo-inverse weight of the list.

        value_i = p_i Σ_j r_ij,   p_i = E_target[1_a | x_i]ᵀ Γ_i⁺ 1_{a_i},   Γ_i = E_logged[1_a 1_aᵀ | x_i]

    1_a has a 1 for each (item, position) of list a. Unbiased where a list's expected reward is a sum of what each item
    adds at its position, though only the sum be seen, and the logging policy can show every item where the judged one
    shows it. Weights grow with the number of positions, not with its power, and may be negative.

    Swaminathan, Krishnamurthy, Agarwal, Dudík, Langford, Jose & Zitouni 2017, NeurIPS, "Off-policy evaluation for slate
    recommendation".

    Raises:
        ShapeError: no pseudo-inverse weights.
    """
    if slates.pseudo is None:
        raise ShapeError(
            "Pseudo-inverse: expected the pseudo-inverse weight of each list (Slates.pseudo), got None; work them out "
            "from logged candidates, or leave this estimator out."
        )
    return Terms.mean(slates.pseudo * slates.rewards())
