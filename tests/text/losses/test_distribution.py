"""Divergence of score distributions against its formula."""

import math

import pytest
import torch

from recsys.text.losses.distribution import distribution_loss


def test_it_vanishes_where_the_distributions_are_equal():
    teacher = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert distribution_loss(teacher + 3, teacher).item() == pytest.approx(0, abs=1e-7)


def test_it_is_the_mean_divergence():
    teacher = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    p = math.e / (math.e + 1)
    divergence = p * math.log(p / 0.5) + (1 - p) * math.log((1 - p) / 0.5)
    assert distribution_loss(torch.zeros(2, 2), teacher).item() == pytest.approx(divergence / 2, rel=1e-5)
