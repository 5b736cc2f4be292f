"""Ranking like another model: Kullback-Leibler divergence of score distributions."""

import torch
from torch import Tensor


def distribution_loss(student_BC: Tensor, teacher_BC: Tensor) -> Tensor:
    """Mean over users of Σ_c p_c (log p_c - log q_c), p and q the softmax of the teacher's and the student's logits.

    Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531) over candidate items.

    Args:
        student_BC: logits.
        teacher_BC: logits of the same pairs.

    Returns:
        A scalar.
    """
    teacher_log_BC = torch.log_softmax(teacher_BC, dim=1)
    student_log_BC = torch.log_softmax(student_BC, dim=1)
    return (teacher_log_BC.exp() * (teacher_log_BC - student_log_BC)).sum(dim=1).mean()
