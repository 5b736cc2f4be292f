"""Meaning the same as another model: cosine distance of the vectors of equal texts."""

from torch import Tensor


def vector_loss(student_ND: Tensor, teacher_ND: Tensor) -> Tensor:
    """Mean over texts of 1 - cosine; for unit vectors half the squared distance (Reimers & Gurevych 2020, 2004.09813).

    Args:
        student_ND: unit vectors.
        teacher_ND: unit vectors of the same texts.

    Returns:
        A scalar.
    """
    return 1 - (student_ND * teacher_ND).sum(dim=1).mean()
