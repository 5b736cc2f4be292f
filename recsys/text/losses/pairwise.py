"""Which of two items a user takes: Bayesian personalised ranking."""

import torch
from torch import Tensor
from torch.nn.functional import softplus

_NEVER = -1e30


def pairwise_loss(
    logits_BC: Tensor, own_BC: Tensor, targets_BK: Tensor, weight_BK: Tensor, correction_C: Tensor
) -> Tensor:
    """Σ over targets of weight · mean over negatives n of -log σ(t - n) (BPR-Opt, Rendle et al. 2009, arXiv 1205.2618).

    BPR draws negatives uniformly; a step's items are there more often the more popular they are. So a negative weighs
    e^-correction in the mean, which is uniform again at full strength. A user's own items are no negatives.

    Args:
        logits_BC: scaled scores of B users and the step's C items.
        own_BC: bool, items the user is known to take.
        targets_BK: int64, columns of the targets.
        weight_BK: their weights, of sum 1 over the step, 0 where padded.
        correction_C: strength · log q of each item.

    Returns:
        A scalar.
    """
    shares_BC = torch.softmax((-correction_C).expand_as(logits_BC).masked_fill(own_BC, _NEVER), dim=1)
    shares_BC = shares_BC.masked_fill(own_BC, 0.0)
    losses = logits_BC.new_zeros(())
    for target_B, weight_B in zip(targets_BK.T, weight_BK.T, strict=True):  # one at a time: (B, K, C) is large
        target_B1 = logits_BC.gather(1, target_B[:, None])
        losses = losses + ((softplus(logits_BC - target_B1) * shares_BC).sum(dim=1) * weight_B).sum()
    return losses
