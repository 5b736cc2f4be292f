"""Pointwise cross-entropy against its formula."""

import math

import pytest
import torch

from recsys.text.losses.pointwise import pointwise_loss


def test_it_is_the_cross_entropy_of_taken_or_not():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    own = torch.tensor([[True, False, False]])
    loss = pointwise_loss(logits, own, torch.tensor([[0, 0]]), torch.tensor([[1.0, 0.0]]), 1 / 2)
    p = torch.sigmoid(logits)[0].tolist()
    taken, not_taken = -math.log(p[0]), -(math.log(1 - p[1]) + math.log(1 - p[2])) / 2
    assert loss.item() == pytest.approx((taken + not_taken) / 2, rel=1e-6)
