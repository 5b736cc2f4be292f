"""The softmax over what was shown against its formula."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

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


def test_it_learns_what_attracts_whatever_is_shown_most():
    """Items are shown by an exposure that has nothing to do with what attracts; one of five that are shown is taken."""
    rng = np.random.default_rng(0)
    attraction, exposure = rng.normal(size=40), rng.permutation(np.arange(2, 42) ** -1.5)
    logits = torch.zeros(40, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.05)
    taken = np.zeros(40)
    for _ in range(300):
        shown = np.array([rng.choice(40, 5, replace=False, p=exposure / exposure.sum()) for _ in range(32)])
        noise = rng.gumbel(size=shown.shape)
        target = np.argmax(attraction[shown] + noise, axis=1)[:, None]
        taken[np.take_along_axis(shown, target, axis=1)] += 1
        left = np.arange(5)[None, :] != target
        loss = impressions_loss(
            logits.expand(32, -1),
            torch.from_numpy(shown),
            torch.from_numpy(left),
            torch.from_numpy(np.take_along_axis(shown, target, axis=1)),
            torch.full((32, 1), 1 / 32),
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert spearmanr(logits.detach().numpy(), attraction).statistic > 0.9
    assert spearmanr(taken, attraction).statistic < 0.7
