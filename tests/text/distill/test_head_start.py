"""The head that fits best."""

import pytest
import torch
from torch.nn.functional import normalize

from recsys.text.bases.head import Head
from recsys.text.distill.head_start import fit_head


@pytest.fixture
def states():
    return torch.randn((400, 6), generator=torch.Generator().manual_seed(0)) + 1


def test_a_linear_teacher_is_found(states):
    rotation = torch.linalg.qr(torch.randn((6, 6), generator=torch.Generator().manual_seed(1))).Q
    vectors, head = normalize(states @ rotation.T - 0.3, dim=1), Head(6, 6)
    before = (head.project(states) * vectors).sum(dim=1).mean()
    fit_head(head, states, vectors)
    assert before < 0.5
    assert (head.project(states) * vectors).sum(dim=1).mean() > 0.97


def test_what_fits_stays(states):
    head = Head(6, 8)
    fit_head(head, states, head.project(states).detach())
    assert torch.allclose(head.projection, torch.eye(8, 6), atol=1e-5)
    assert torch.allclose(head.bias, torch.zeros(8), atol=1e-5)


def test_it_is_the_ridge_solution(states):
    vectors, head = normalize(torch.roll(states, 1, dims=1), dim=1), Head(6, 6)
    missing = states.norm(dim=1, keepdim=True) * vectors - states
    centred = states - states.mean(dim=0)
    ridge = centred.square().sum() / 400  # six texts of the mean square of a channel
    rows = torch.cat([centred, ridge.sqrt() * torch.eye(6)])
    wanted = torch.cat([missing - missing.mean(dim=0), torch.zeros(6, 6)])
    change = torch.linalg.lstsq(rows, wanted).solution.T
    fit_head(head, states, vectors)
    assert torch.allclose(head.projection, torch.eye(6) + change, atol=1e-4)


def test_a_single_text_does_no_harm():
    head = Head(4, 4)
    fit_head(head, torch.ones(1, 4), normalize(torch.ones(1, 4), dim=1))
    assert torch.isfinite(head.project(torch.randn(3, 4))).all()
