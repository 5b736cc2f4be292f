"""Losses against their formulas, and the sign of the correction where it matters."""

import math

import numpy as np
import pytest
import torch

from recsys.text.losses import distribution_loss, pointwise_loss, softmax_loss, vector_loss


def t(*rows, dtype=torch.float32):
    return torch.tensor(rows, dtype=dtype)


def test_softmax_leaves_out_own_items_and_padding():
    logits = t([1.0, 2.0, 3.0, 0.5])
    own = t([True, True, False, False], dtype=torch.bool)
    targets, weight = t([0, 1, 0], dtype=torch.int64), t([0.5, 1.0, 0.0])
    negatives = math.exp(3.0) + math.exp(0.5)
    first = -math.log(math.exp(1.0) / (math.exp(1.0) + negatives))
    second = -math.log(math.exp(2.0) / (math.exp(2.0) + negatives))
    loss = softmax_loss(logits, own, targets, weight, torch.zeros(4))
    assert loss.item() == pytest.approx((0.5 * first + 1.0 * second) / 1.5, rel=1e-6)


def test_the_correction_is_subtracted():
    logits, own = t([1.0, 2.0]), t([True, False], dtype=torch.bool)
    correction = torch.log(torch.tensor([0.5, 0.25]))
    loss = softmax_loss(logits, own, t([0], dtype=torch.int64), t([1.0]), correction)
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
        loss = softmax_loss(logits[texts].expand(32, -1), own, place[:, None], torch.ones(32, 1), corrected)
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


def test_pointwise_weighs_both_kinds_alike():
    logits = t([2.0, -1.0, 0.0])
    own = t([True, False, False], dtype=torch.bool)
    loss = pointwise_loss(logits, own, t([0, 0], dtype=torch.int64), t([0.7, 0.0]))
    positive = math.log(1 + math.exp(-2.0))
    negative = (math.log(1 + math.exp(-1.0)) + math.log(2)) / 2
    assert loss.item() == pytest.approx((positive + negative) / 2, rel=1e-6)


def test_distribution_and_vector_loss_vanish_only_where_equal():
    teacher = t([1.0, 0.0], [0.0, 0.0])
    assert distribution_loss(teacher + 3, teacher).item() == pytest.approx(0, abs=1e-7)
    p = math.e / (math.e + 1)
    divergence = p * math.log(p / 0.5) + (1 - p) * math.log((1 - p) / 0.5)
    assert distribution_loss(torch.zeros(2, 2), teacher).item() == pytest.approx(divergence / 2, rel=1e-5)
    assert vector_loss(t([1.0, 0.0], [0.6, 0.8]), t([1.0, 0.0], [1.0, 0.0])).item() == pytest.approx(0.2)
