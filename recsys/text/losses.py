"""What the towers are taught: which of a step's items comes next, and how likely an interest is at all."""

import torch
from torch import Tensor
from torch.nn.functional import softplus

_NEVER = -1e30


def softmax_loss(
    logits_BC: Tensor, own_BC: Tensor, targets_BK: Tensor, weight_BK: Tensor, correction_C: Tensor
) -> Tensor:
    """Sampled softmax with logQ correction: mean over targets of -log(e^t / (e^t + Σ_negatives e^n)).

    A step's items are there more often the more popular they are; the correction, a multiple of log q, is subtracted
    from every logit in training and nowhere else (Yi et al. 2019, doi:10.1145/3298689.3346996). A user's own items are
    no negatives, so that neither another target nor the history is pushed away.

    Args:
        logits_BC: scaled scores of B users and the step's C items.
        own_BC: bool, items the user is known to take.
        targets_BK: int64, columns of the targets.
        weight_BK: their weights, 0 where padded.
        correction_C: strength · log q of each item.

    Returns:
        A scalar.
    """
    corrected_BC = logits_BC - correction_C
    targets_BK_logit = corrected_BC.gather(1, targets_BK)
    negatives_B1 = corrected_BC.masked_fill(own_BC, _NEVER).logsumexp(dim=1, keepdim=True)
    losses_BK = softplus(negatives_B1 - targets_BK_logit)
    return (losses_BK * weight_BK).sum() / weight_BK.sum()


def pointwise_loss(logits_BC: Tensor, own_BC: Tensor, targets_BK: Tensor, weight_BK: Tensor) -> Tensor:
    """Cross-entropy of taken or not, where targets weigh as much in all as the items that are not the user's.

    So the sigmoid of a logit is the probability that a pair is one of interest, were both kinds equally frequent.

    Args:
        logits_BC: log-odds of interest of B users and the step's C items.
        own_BC: bool, items the user is known to take.
        targets_BK: int64, columns of the targets.
        weight_BK: their weights, 0 where padded.

    Returns:
        A scalar.
    """
    positives = (softplus(-logits_BC.gather(1, targets_BK)) * weight_BK).sum() / weight_BK.sum()
    others_BC = ~own_BC
    negatives = softplus(logits_BC).masked_fill(own_BC, 0.0).sum() / others_BC.sum().clamp(min=1)
    return (positives + negatives) / 2


def distribution_loss(student_BC: Tensor, teacher_BC: Tensor) -> Tensor:
    """Mean KL divergence of the student's softmax over candidates from the teacher's, rows being users.

    Args:
        student_BC: logits.
        teacher_BC: logits of the same pairs.

    Returns:
        A scalar.
    """
    teacher_log_BC = torch.log_softmax(teacher_BC, dim=1)
    student_log_BC = torch.log_softmax(student_BC, dim=1)
    return (teacher_log_BC.exp() * (teacher_log_BC - student_log_BC)).sum(dim=1).mean()


def vector_loss(student_ND: Tensor, teacher_ND: Tensor) -> Tensor:
    """Mean of 1 - cosine of unit vectors."""
    return 1 - (student_ND * teacher_ND).sum(dim=1).mean()
