"""A simulated log as the estimators read it."""

import numpy as np

from recsys.evaluation.off_policy.estimators.slates import Marginals, Slates
from recsys.evaluation.simulation.marginals import marginals, pseudo_inverse
from recsys.evaluation.simulation.models import fitted
from recsys.evaluation.simulation.orders import Orders
from recsys.evaluation.simulation.played import Played
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.world import World
from recsys.schema import DoubleArray


def judged(played: Played, target: Valued, *, logging: Valued | None = None, model: World | None = None) -> Slates:
    """The log of a policy, and all that is known of another.

    Args:
        played: the log, its propensities taken as they stand.
        target: the policy that is judged.
        logging: the policy that was played: marginals and pseudo-inverse weights are worked out by enumeration, for
            lists of full length; None leaves them out.
        model: what is taken for the truth by estimators with a reward model; None leaves it out.

    Raises:
        ShapeError: with `logging`, more than `orders.MOST` ordered lists.
    """
    marginal, pseudo = (None, None) if logging is None else _enumerated(played, logging, target)
    return Slates(
        user_idx=played.cluster,
        indptr=played.indptr,
        reward=played.flat(played.reward),
        logged=played.flat(played.propensity),
        target=played.flat(target.given(played.kind, played.item)),
        model=None if model is None else fitted(model, target, played),
        marginal=marginal,
        pseudo=pseudo,
    )


def _enumerated(played: Played, logging: Valued, target: Valued) -> tuple[Marginals, DoubleArray]:
    orders = Orders.of(target.value.shape[1], played.item.shape[1])
    at = played.kind[:, None], np.arange(played.item.shape[1]), played.item
    logged, aimed = marginals(orders, logging), marginals(orders, target)
    weight = pseudo_inverse(orders, logging, target)[played.kind, orders.place(played.item)]
    return Marginals(logged=played.flat(logged[at]), target=played.flat(aimed[at])), weight
