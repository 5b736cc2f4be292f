"""Sampled softmax against its formula, and the sign of the correction where it matters."""

import math

import numpy as np
import pytest
import torch

from recsys.text.losses.sampled_softmax import sampled_softmax_loss


def t(*rows, dtype=torch.float32):
    return torch.tensor(rows, dtype=dtype)


def test_softmax_leaves_out_own_items_and_padding():
    logits = t([1.0, 2.0, 3.0, 0.5])
    own = t([True, True, False, False], dtype=torch.bool)
    targets, weight = t([0, 1, 0], dtype=torch.int64), t([0.5, 1.0, 0.0])
    negatives = math.exp(3.0) + math.exp(0.5)
    first = -math.log(math.exp(1.0) / (math.exp(1.0) + negatives))
    second = -math.log(math.exp(2.0) / (math.exp(2.0) + negatives))
    loss = sampled_softmax_loss(logits, own, targets, weight, torch.zeros(4))
    assert loss.item() == pytest.approx(0.5 * first + 1.0 * second, rel=1e-6)


def test_the_correction_is_subtracted():
    logits, own = t([1.0, 2.0]), t([True, False], dtype=torch.bool)
    correction = torch.log(torch.tensor([0.5, 0.25]))
    loss = sampled_softmax_loss(logits, own, t([0], dtype=torch.int64), t([1.0]), correction)
    good, bad = math.exp(1.0) / 0.5, math.exp(2.0) / 0.25
    assert loss.item() == pytest.approx(-math.log(good / (good + bad)), rel=1e-6)


def learned_popularity(strength):
    """Slope of the logits over log popularity, for users who choose by popularity alone, in-batch negatives."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(5, 205)
    popularity /= popularity.sum()
    log_q = torch.from_numpy(np.log(1 - (1 - popularity) ** 32)).float()
    logits = torch.zeros(200, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.05)
    for _ in range(400):
        target = rng.choice(200, size=32, p=popularity)
        texts, place = (torch.from_numpy(a) for a in np.unique(target, return_inverse=True))
        own = torch.arange(len(texts))[None, :] == place[:, None]
        corrected = strength * log_q[texts]
        loss = sampled_softmax_loss(
            logits[texts].expand(32, -1), own, place[:, None], torch.full((32, 1), 1 / 32), corrected
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(np.polyfit(np.log(popularity), logits.detach().numpy(), 1)[0])


def test_full_correction_learns_popularity_and_none_leaves_it_out():
    none, half, full = (learned_popularity(strength) for strength in (0.0, 0.5, 1.0))
    assert abs(none) < 0.35
    assert full == pytest.approx(1, abs=0.25)
    assert none + 0.2 < half < full - 0.2
    assert learned_popularity(-1.0) < -0.4
