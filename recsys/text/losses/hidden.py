"""Thinking like another model: distance of the states of equal tokens."""

from typing import Literal

from torch import Tensor
from torch.nn.functional import cosine_similarity


def hidden_loss(student_MW: Tensor, teacher_MW: Tensor, distance: Literal["mse", "cosine"]) -> Tensor:
    """Distance of M tokens' states (TinyBERT: Jiao et al. 2020, arXiv 1909.10351; DistilBERT for the cosine).

    "mse" is Σ (s - t)² / Σ t², the mean squared error in units of the teacher's mean square: 1 for a student whose
    states are all zero, whatever the base. "cosine" is the mean over tokens of 1 - cosine.

    Args:
        student_MW: states, brought to the teacher's width.
        teacher_MW: states of the same tokens.
        distance: which.

    Returns:
        A scalar.
    """
    if distance == "cosine":
        return 1 - cosine_similarity(student_MW, teacher_MW, dim=1).mean()
    return (student_MW - teacher_MW).square().sum() / teacher_MW.square().sum()
