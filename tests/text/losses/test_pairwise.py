"""Bayesian personalised ranking against its formula."""

import math

import pytest
import torch

from recsys.text.losses.pairwise import pairwise_loss

LOGITS = torch.tensor([[1.0, 2.0, -0.5, 0.3]])
OWN = torch.tensor([[True, False, False, True]])
TARGETS, WEIGHT = torch.tensor([[0, 3, 0]]), torch.tensor([[0.25, 0.75, 0.0]])


def pair(target, other):
    return -math.log(1 / (1 + math.exp(-(target - other))))


def test_it_is_the_mean_over_negatives():
    loss = pairwise_loss(LOGITS, OWN, TARGETS, WEIGHT, torch.zeros(4))
    first, second = ((pair(t, 2.0) + pair(t, -0.5)) / 2 for t in (1.0, 0.3))
    assert loss.item() == pytest.approx(0.25 * first + 0.75 * second, rel=1e-6)


def test_what_is_drawn_more_often_weighs_less():
    loss = pairwise_loss(LOGITS, OWN, TARGETS[:, :1], torch.ones(1, 1), torch.log(torch.tensor([1.0, 0.8, 0.2, 1.0])))
    assert loss.item() == pytest.approx(pair(1.0, 2.0) * 0.2 + pair(1.0, -0.5) * 0.8, rel=1e-6)


def test_a_user_who_takes_everything_has_no_negatives():
    assert pairwise_loss(LOGITS, torch.ones_like(OWN), TARGETS, WEIGHT, torch.zeros(4)).item() == 0
