"""How likely an interest is at all: binary cross-entropy of taken or not."""

from torch import Tensor
from torch.nn.functional import softplus


def pointwise_loss(
    logits_BC: Tensor, own_BC: Tensor, targets_BK: Tensor, weight_BK: Tensor, other_weight: float
) -> Tensor:
    """Σ over pairs of weight · -[y log ŷ + (1 - y) log(1 - ŷ)] with ŷ = σ(logit), halved.

    Pairs are the targets, y = 1, and the step's items that are not the user's, y = 0. Both kinds weigh the same in all,
    so that ŷ is the probability that a pair is one of interest, were they equally frequent.

    Args:
        logits_BC: log-odds of interest of B users and the step's C items.
        own_BC: bool, items the user is known to take.
        targets_BK: int64, columns of the targets.
        weight_BK: their weights, of sum 1 over the step, 0 where padded.
        other_weight: of each item that is not the user's; of sum 1 over the step.

    Returns:
        A scalar.
    """
    positives = (softplus(-logits_BC.gather(1, targets_BK)) * weight_BK).sum()
    negatives = softplus(logits_BC).masked_fill(own_BC, 0.0).sum() * other_weight
    return (positives + negatives) / 2
