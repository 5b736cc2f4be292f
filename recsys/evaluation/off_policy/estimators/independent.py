"""Independent inverse propensity scoring: the item-position click model."""

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def independent(slates: Slates) -> Terms:
    """Every row's reward, weighed by how much likelier the judged policy has the item at that position.

        value_i = Σ_j r_ij P_target(a_ij at j | x_i) / P_logged(a_ij at j | x_i)

    Unbiased where a reward depends on the item and its position alone, not on its neighbours. No products, so the
    smallest weights of all; the probabilities are marginal, over all that may stand above.

    Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay & Wen 2018, KDD, "Offline evaluation of ranking policies with click
    models".

    Raises:
        ShapeError: no marginal probabilities.
    """
    if slates.marginal is None:
        raise ShapeError(
            "Independent IPS: expected the marginal probability of each item at its position (Slates.marginal), got "
            "None; work them out from logged candidates, or leave this estimator out."
        )
    ratios = slates.marginal.target / slates.marginal.logged
    return Terms.mean(slates.total(slates.reward * ratios))
