"""Distances of states against their formulas."""

import pytest
import torch

from recsys.text.losses.hidden import hidden_loss


def test_squared_distance_is_a_share_of_the_teachers_square():
    student, teacher = torch.tensor([[1.0, 1.0], [0.0, 2.0]]), torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    assert hidden_loss(student, teacher, "mse").item() == pytest.approx((2**2 + 2**2) / (1 + 9 + 4 + 4))
    assert hidden_loss(torch.zeros(2, 2), teacher, "mse").item() == 1


def test_cosine_is_blind_to_length():
    student, teacher = torch.tensor([[5.0, 0.0], [0.0, 0.1]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert hidden_loss(student, teacher, "cosine").item() == pytest.approx((0 + 1) / 2)
