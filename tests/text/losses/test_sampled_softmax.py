"""Sampled softmax against its formula, and the sign of the correction where it matters."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

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


def true_ranking(strength):
    """How well tables of users and items, learned from in-batch negatives, rank as the users' true preference does.

    Users of each kind prefer items by popularity times taste; the other targets of a batch are the negatives, so
    that popular items are negatives more often. Mean Spearman correlation of the kinds' scores with the truth.
    """
    rng = np.random.default_rng(0)
    taste, popularity = rng.normal(size=(4, 60)), 1 / np.arange(4, 64)
    preference = popularity * np.exp(0.5 * taste)
    preference /= preference.sum(axis=1, keepdims=True)
    log_q = torch.from_numpy(np.log(1 - (1 - preference.mean(axis=0)) ** 32)).float()
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 8, generator=generator).mul(0.1).requires_grad_(True) for n in (4, 60))
    optimiser = torch.optim.Adam([users, items], lr=0.02)
    for _ in range(500):
        kind = rng.integers(0, 4, 32)
        target = np.array([rng.choice(60, p=preference[k]) for k in kind])
        texts, place = (torch.from_numpy(a) for a in np.unique(target, return_inverse=True))
        logits = users[torch.from_numpy(kind)] @ items[texts].T
        own = torch.arange(len(texts))[None, :] == place[:, None]
        weight = torch.full((32, 1), 1 / 32)
        loss = sampled_softmax_loss(logits, own, place[:, None], weight, strength * log_q[texts])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    scores = (users @ items.T).detach().numpy()
    return float(np.mean([spearmanr(s, p).statistic for s, p in zip(scores, preference, strict=True)]))


def test_the_right_sign_recovers_the_true_preference_and_the_wrong_one_does_worse_than_none():
    right, none, wrong = (true_ranking(strength) for strength in (1.0, 0.0, -1.0))
    assert right > 0.9
    assert none < right - 0.1
    assert wrong < none - 0.1
