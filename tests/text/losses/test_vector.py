"""Cosine distance against its formula."""

import pytest
import torch

from recsys.text.losses.vector import vector_loss


def test_it_is_the_mean_of_one_less_the_cosine():
    student, teacher = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert vector_loss(student, teacher).item() == pytest.approx((0 + 0.4) / 2)
