"""How weights follow gradients."""

import math

import pytest
import torch
from torch import nn

from recsys.text.config import OptimiserConfig
from recsys.text.optimiser import Group, Optimiser, rate_factor


def one(value, gradient):
    parameter = nn.Parameter(torch.tensor([value]))
    parameter.grad = torch.tensor([gradient])
    return parameter


def made(*groups, **settings):
    return Optimiser.of(groups, OptimiserConfig.model_validate({"warmup": 0.0, "clip": 1e9} | settings), steps=10)


def test_the_rate_rises_then_falls_to_a_floor():
    factors = [rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert factors[55] == pytest.approx(45 / 90)
    assert factors == sorted(factors[:10]) + sorted(factors[10:], reverse=True)
    assert min(factors[10:]) == pytest.approx(0.02)
    assert rate_factor(0, 1, 0.0) == 1


def test_the_cosine_falls_slowly_first():
    factors = [rate_factor(step, 100, 0.1, "cosine") for step in range(100)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert factors[10] == 1
    assert factors[40] == pytest.approx((1 + math.cos(math.pi * 30 / 90)) / 2)
    assert factors[99] == 0.02
    assert rate_factor(0, 1, 0.0, "cosine") == 1


def test_sgd_steps_down_the_gradient_with_momentum():
    parameter = one(1.0, 2.0)
    optimiser = made(Group(parameters=[parameter], rate=0.1), name="sgd", momentum=0.5)
    assert optimiser.step(0) == pytest.approx(2.0)
    assert parameter.item() == pytest.approx(1 - 0.1 * 2)
    assert parameter.grad is None
    parameter.grad = torch.tensor([4.0])
    optimiser.step(1)
    assert parameter.item() == pytest.approx(0.8 - 0.1 * 0.9 * (4 + 0.5 * 2))


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_decay_is_decoupled_from_the_gradient_and_of_its_group(name):
    kept, faded, still = one(3.0, 0.0), one(3.0, 0.0), one(3.0, 0.0)
    still.grad = None
    groups = [Group(parameters=[kept], rate=0.1), Group(parameters=[faded, still], rate=0.1, decay=0.5)]
    made(*groups, name=name).step(5)
    assert kept.item() == 3
    assert faded.item() == pytest.approx(3 * (1 - 0.1 * 0.5 * 0.5))
    assert still.item() == 3


def test_adamw_is_torchs():
    ours, theirs = one(3.0, 0.7), one(3.0, 0.7)
    optimiser = made(Group(parameters=[ours], rate=0.1, decay=0.5))
    reference = torch.optim.AdamW([theirs], lr=0.1, betas=(0.9, 0.98), weight_decay=0.5)
    for step, gradient in enumerate((0.7, -2.0, 0.1)):
        ours.grad, theirs.grad = torch.tensor([gradient]), torch.tensor([gradient])
        reference.param_groups[0]["lr"] = 0.1 * rate_factor(step, 10, 0)
        optimiser.step(step)
        reference.step()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)


def test_groups_have_their_rates_and_the_norm_is_clipped_over_all():
    a, b = one(0.0, 3.0), one(0.0, 4.0)
    optimiser = made(Group(parameters=[a], rate=0.1), Group(parameters=[b], rate=0.2), name="sgd", clip=1.0)
    assert optimiser.step(0) == pytest.approx(5.0)
    assert (a.item(), b.item()) == pytest.approx((-0.1 * 3 / 5, -0.2 * 4 / 5), abs=1e-5)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_a_gradient_that_is_no_number_moves_nothing(name):
    parameter, other = one(1.0, math.nan), one(1.0, 1.0)
    optimiser = made(Group(parameters=[parameter, other], rate=0.1, decay=0.1), name=name)
    assert not math.isfinite(optimiser.step(0))
    assert (parameter.item(), other.item()) == (1, 1)
    assert optimiser.state() == {}


def test_what_is_frozen_learns_when_it_is_given_to_an_optimiser():
    parameter = nn.Parameter(torch.zeros(2), requires_grad=False)
    assert made(Group(parameters=[parameter], rate=0.1)).parameters == [parameter]
    assert parameter.requires_grad
