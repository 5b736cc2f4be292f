"""The head that fits an untaught student best, in closed form, so that training starts where it can."""

import torch
from torch import Tensor

from recsys.text.bases.head import Head


def fit_head(head: Head, pooled_NW: Tensor, vectors_ND: Tensor) -> None:
    """Change projection and bias, in place, to those that bring pooled states to the teacher's vectors.

    Ridge regression (Hoerl & Kennard 1970) of what is missing on the centred states: what is asked for is the smallest
    change, held back as W texts would that are as spread as the N and need none, W the width of the states.

    Args:
        head: of the student.
        pooled_NW: the student's pooled states of N texts.
        vectors_ND: the teacher's unit vectors of them.
    """
    with torch.no_grad():
        now_ND = pooled_NW @ head.projection.T + head.bias
        missing_ND = now_ND.norm(dim=1, keepdim=True) * vectors_ND - now_ND  # nothing where directions agree
        centre_W, offset_D = pooled_NW.mean(dim=0), missing_ND.mean(dim=0)
        states_NW = pooled_NW - centre_W
        gram_WW = states_NW.T @ states_NW
        width = len(gram_WW)
        # as much as `width` rows of the mean square of a channel
        ridge = gram_WW.trace().clamp(min=1e-12) / len(states_NW)
        change_WD = torch.linalg.solve(gram_WW + ridge * torch.eye(width), states_NW.T @ (missing_ND - offset_D))
        head.projection.add_(change_WD.T)
        head.bias.add_(offset_D - centre_W @ change_WD)
