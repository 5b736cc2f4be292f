"""The torch twin of the interest model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.data.interactions import Histories
from recsys.retrieval.calibration import Isotonic
from recsys.retrieval.interest import AGE_KNOTS, InterestModel
from recsys.schema import DAY
from recsys.text.user import UserTower


def test_parity_with_numpy():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start = replace(
        InterestModel.zero_shot(16, DAY, history_items=9),
        query=rng.normal(size=16).astype(np.float32),
        age_bias=rng.normal(size=AGE_KNOTS).astype(np.float32),
        map=rng.normal(size=(16, 16)).astype(np.float32),
        weight_power=0.4,
    )
    tower = UserTower(start, scale=10.0)
    item = rng.integers(0, 50, (20, 9))
    days = -np.sort(-rng.uniform(0, 3000, (20, 9)), axis=1)
    weight = rng.choice([0.3, 1.0], (20, 9)).astype(np.float32)
    as_of = 10_000 * DAY
    at = (as_of - days * DAY).astype(np.int64)
    histories = Histories(
        indptr=np.arange(0, 181, 9),
        item_idx=item.ravel().astype(np.int32),
        event=np.zeros(180, np.uint8),
        at=at.ravel(),
        value=np.full(180, np.nan),
        weight=weight.ravel(),
    )
    hours = ((as_of - at) * (24 / DAY)).astype(np.float32)
    with torch.no_grad():
        got = tower(*(torch.from_numpy(a) for a in (vectors, item, hours, weight))).numpy()
        logits = tower.interest_logits(torch.tensor([-0.2, 0.9]))
    model = tower.export(day=DAY, history_items=9)
    assert np.abs(got - model.user_vectors(histories, vectors, as_of=as_of)).max() < 1e-5
    assert model.interest(np.array([-0.2, 0.9], np.float32)) == pytest.approx(torch.sigmoid(logits).numpy(), abs=1e-6)


def test_padding_does_not_count():
    tower = UserTower(InterestModel.zero_shot(4, DAY), scale=10.0)
    vectors = torch.eye(4)
    short = tower(vectors, torch.tensor([[1]]), torch.tensor([[5.0]]), torch.tensor([[1.0]]))
    padded = tower(vectors, torch.tensor([[1, 0, 0]]), torch.tensor([[5.0, 0, 0]]), torch.tensor([[1.0, 0, 0]]))
    assert torch.equal(short, padded)
    padded.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in tower.parameters() if p.grad is not None)


def test_a_start_with_an_isotonic_curve_learns_on_from_the_nearest_logistic_one():
    curve = Isotonic(scores=(-0.5, 0.0, 0.5), values=(0.1, 0.5, 0.9))
    tower = UserTower(InterestModel.zero_shot(4, DAY).with_calibration(curve), scale=10.0)
    found = tower.export(day=DAY, history_items=9).calibration
    assert found.slope == pytest.approx(2 * np.log(9))
    assert found.intercept == pytest.approx(0, abs=1e-6)


def test_on_the_first_numbers_of_the_vectors_it_is_the_model_that_was_cut():
    rng = np.random.default_rng(1)
    start = replace(
        InterestModel.zero_shot(8, DAY),
        query=rng.normal(size=8).astype(np.float32),
        map=rng.normal(size=(8, 8)).astype(np.float32),
    )
    vectors = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(5, 3)).astype(np.float32)), dim=1)
    history = (torch.tensor([[0, 4], [2, 3]]), torch.tensor([[5.0, 1.0], [9.0, 0.0]]), torch.tensor([[1.0, 1.0]] * 2))
    whole, cut = (UserTower(model, scale=10.0)(vectors, *history) for model in (start, start.cut(3)))
    assert torch.equal(whole, cut)
    assert whole.shape == (2, 3)
