"""Dropout from a seed of its own."""

import pytest
import torch
from torch import nn

from recsys.errors import ConfigError
from recsys.text.dropout import dropping

CPU = torch.device("cpu")


def layers():
    return nn.ModuleList([nn.Sequential(nn.Identity(), nn.Dropout(0.1))]).eval()


def dropped(stack, share, seed):
    with dropping(stack, share, seed=seed, device=CPU):
        return stack[0](torch.ones(4000))


def test_the_share_is_dropped_and_the_rest_scaled():
    got = dropped(layers(), 0.25, (0, 1, 2))
    assert sorted(set(got.tolist())) == pytest.approx([0, 1 / 0.75])
    assert float((got == 0).float().mean()) == pytest.approx(0.25, abs=0.03)


def test_it_is_a_pure_function_of_the_seed():
    stack = layers()
    first = dropped(stack, 0.5, (0, 1, 2))
    assert torch.equal(first, dropped(stack, 0.5, (0, 1, 2)))
    assert not torch.equal(first, dropped(stack, 0.5, (0, 1, 3)))
    assert not torch.equal(first, dropped(stack, 0.5, (0, 2, 2)))


def test_nothing_is_left_of_it():
    stack = layers()
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    dropped(stack, 0.5, (0,))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(stack[0](torch.ones(9)), torch.ones(9))
    with pytest.raises(RuntimeError), dropping(stack, 0.5, seed=(0,), device=CPU):
        raise RuntimeError
    assert not stack[0][1].training


def test_none_at_zero_and_layers_that_know_none():
    assert torch.equal(dropped(layers(), 0.0, (0,)), torch.ones(4000))
    plain = nn.ModuleList([nn.Linear(2, 2)])
    with pytest.raises(ConfigError, match=r"Expected layers with dropout, got Linear without; set finetune.dropout"):
        dropped(plain, 0.5, (0,))
