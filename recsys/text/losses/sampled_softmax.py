"""Which of a step's items comes next: sampled softmax with logQ correction."""

from torch import Tensor
from torch.nn.functional import softplus

_NEVER = -1e30


def sampled_softmax_loss(
    logits_BC: Tensor, own_BC: Tensor, targets_BK: Tensor, weight_BK: Tensor, correction_C: Tensor
) -> Tensor:
    """Σ over targets of weight · -log(e^t / (e^t + Σ_negatives e^n)), where every logit is less its correction.

    A step's items are there more often the more popular they are; the correction, a multiple of log q, is subtracted
    from every logit in training and nowhere else (Yi et al. 2019, doi:10.1145/3298689.3346996). A user's own items are
    no negatives, so that neither another target nor the history is pushed away.

    Args:
        logits_BC: scaled scores of B users and the step's C items.
        own_BC: bool, items the user is known to take.
        targets_BK: int64, columns of the targets.
        weight_BK: their weights, of sum 1 over the step, 0 where padded.
        correction_C: strength · log q of each item.

    Returns:
        A scalar.
    """
    corrected_BC = logits_BC - correction_C
    targets_BK_logit = corrected_BC.gather(1, targets_BK)
    negatives_B1 = corrected_BC.masked_fill(own_BC, _NEVER).logsumexp(dim=1, keepdim=True)
    return (softplus(negatives_B1 - targets_BK_logit) * weight_BK).sum()
