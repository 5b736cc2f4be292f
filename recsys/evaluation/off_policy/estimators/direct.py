"""The direct method."""

from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.terms import Terms


def direct(slates: Slates) -> Terms:
    """What the reward model says of the judged policy's lists.

        value_i = E_target[Σ_j q_j(x_i, a_j | a_<j)]

    Reads neither rewards nor propensities, so its variance is small and its bias is all that is wrong with the model.

    Beygelzimer & Langford 2009, KDD, "The offset tree"; the name from Dudík, Langford & Li 2011, ICML.

    Raises:
        ShapeError: no reward model.
    """
    return Terms.mean(slates.fitted("Direct method").value)
