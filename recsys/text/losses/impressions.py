"""What a user takes against what the same user was shown and left."""

from torch import Tensor
from torch.nn.functional import softplus

_NEVER = -1e30


def impressions_loss(
    logits_BC: Tensor, shown_BS: Tensor, present_BS: Tensor, targets_BK: Tensor, weight_BK: Tensor
) -> Tensor:
    """Σ over targets of weight · -log(e^t / (e^t + Σ_shown e^n)) (NRMS, Wu et al. 2019, doi:10.18653/v1/D19-1671).

    The negatives are what the user saw, not a sample of the shop: no correction. A user who was shown nothing adds 0.

    Args:
        logits_BC: scaled scores of B users and the step's C items.
        shown_BS: int64, columns of what the user was shown and never took.
        present_BS: bool, False where padded.
        targets_BK: int64, columns of the targets.
        weight_BK: their weights, of sum 1 over the step, 0 where padded.

    Returns:
        A scalar.
    """
    negatives_B1 = logits_BC.gather(1, shown_BS).masked_fill(~present_BS, _NEVER).logsumexp(dim=1, keepdim=True)
    return (softplus(negatives_B1 - logits_BC.gather(1, targets_BK)) * weight_BK).sum()
