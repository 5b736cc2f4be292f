"""The softmax over what was shown against its formula."""

import math

import pytest
import torch

from recsys.text.losses.impressions import impressions_loss


def test_only_what_the_user_was_shown_competes():
    logits = torch.tensor([[1.0, 2.0, -0.5, 9.0], [1.0, 2.0, -0.5, 9.0]])
    shown, present = torch.tensor([[1, 2], [2, 0]]), torch.tensor([[True, True], [True, False]])
    loss = impressions_loss(logits, shown, present, torch.tensor([[0], [1]]), torch.tensor([[0.4], [0.6]]))
    first = -math.log(math.exp(1.0) / (math.exp(1.0) + math.exp(2.0) + math.exp(-0.5)))
    second = -math.log(math.exp(2.0) / (math.exp(2.0) + math.exp(-0.5)))
    assert loss.item() == pytest.approx(0.4 * first + 0.6 * second, rel=1e-6)


def test_shown_nothing():
    logits = torch.tensor([[1.0, 2.0]], requires_grad=True)
    nothing = torch.zeros((1, 1), dtype=torch.int64), torch.zeros((1, 1), dtype=torch.bool)
    loss = impressions_loss(logits, *nothing, torch.tensor([[0]]), torch.tensor([[1.0]]))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()
