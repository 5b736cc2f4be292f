"""A reward model finds worth and examination, and never looks at the user it is asked about."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.off_policy import reward_model
from recsys.evaluation.off_policy.reward_model import FOLDS, RewardModel

LOOKED = np.array([1.0, 0.6, 0.3])


def shown(n: int = 30_000, users: int = 300) -> dict:
    """Rows whose reward is drawn with probability examination · worth; worth depends on the first column."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 2)).astype(np.float32)
    position = rng.integers(1, 4, n).astype(np.int32)
    worth = np.where(values[:, 0] > 0, 0.8, 0.2)
    return {
        "values": values,
        "reward": (rng.random(n) < LOOKED[position - 1] * worth).astype(np.float64),
        "position": position,
        "user_idx": rng.integers(0, users, n).astype(np.int32),
    }


def fitted(rows: dict, **more: object) -> RewardModel:
    where = {name: rows[name] for name in ("position", "user_idx")}
    return RewardModel.fit(rows["values"], rows["reward"], names=("a", "b"), **where, **more)


def said(model: RewardModel, rows: dict, part: slice | np.ndarray = slice(None)) -> np.ndarray:
    return model.items(rows["values"][part], user_idx=rows["user_idx"][part])


def looked(model: RewardModel, rows: dict, part: slice | np.ndarray = slice(None)) -> np.ndarray:
    return model.places(rows["position"][part], user_idx=rows["user_idx"][part])


def test_worth_and_examination_are_found() -> None:
    rows = shown(60_000)
    model = fitted(rows)
    assert model.examination.shape == (FOLDS, 3)
    np.testing.assert_allclose(model.examination, np.tile(LOOKED / LOOKED.mean(), (FOLDS, 1)), atol=0.05)
    at, users = np.array([1, 2, 3, 9], np.int32), np.arange(4, dtype=np.int32)
    np.testing.assert_allclose(model.places(at, user_idx=users), LOOKED[[0, 1, 2, 2]] / LOOKED.mean(), atol=0.05)
    worth = np.where(rows["values"][:, 0] > 0, 0.8, 0.2) * LOOKED.mean()
    assert np.abs(said(model, rows) - worth).mean() < 0.03


def test_the_whole_is_calibrated() -> None:
    rows = shown()
    model = fitted(rows)
    assert (said(model, rows) * looked(model, rows)).mean() == pytest.approx(rows["reward"].mean(), rel=0.02)


def test_what_a_user_did_changes_nothing_that_is_said_of_them() -> None:
    rows = shown(6000, users=40)
    before = fitted(rows)
    for user in range(6):
        own = rows["user_idx"] == user
        after = fitted(rows | {"reward": np.where(own, 1 - rows["reward"], rows["reward"])})
        alike = np.isin(rows["user_idx"], [other for other in range(40) if _fold(other) == _fold(user)])
        assert said(after, rows, alike).tobytes() == said(before, rows, alike).tobytes()
        assert looked(after, rows, alike).tobytes() == looked(before, rows, alike).tobytes()
        assert (said(after, rows, ~alike) != said(before, rows, ~alike)).any()


def _fold(user: int) -> int:
    return int(reward_model._folds(np.array([user], np.int32))[0])


def test_users_are_spread_over_the_folds() -> None:
    folds = np.bincount(reward_model._folds(np.arange(3000, dtype=np.int32)), minlength=FOLDS)
    assert folds.min() > 900


def test_nothing_was_ever_earned() -> None:
    rows = shown(3000)
    model = fitted(rows | {"reward": np.zeros(3000)})
    assert model.examination.tolist() == [[1.0, 1.0, 1.0]] * FOLDS
    assert np.abs(said(model, rows)).max() == 0


def test_a_large_log_is_learned_from_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_model, "MOST_ROWS", 2000)
    rows = shown()
    part, other = fitted(rows), fitted(rows, seed=1)
    monkeypatch.setattr(reward_model, "MOST_ROWS", 10**9)
    whole = fitted(rows)
    assert part.examination.tolist() == whole.examination.tolist()
    assert (said(part, rows) != said(whole, rows)).any()
    assert (said(part, rows) != said(other, rows)).any()
    assert np.abs(said(part, rows) - said(whole, rows)).mean() < 0.1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reward": np.zeros(2)}, "Expected as many rows in each array, at least one, got"),
        ({"position": np.zeros(300, np.int32)}, "Expected positions from 1 and users from 0, got 0 and 0"),
        ({"user_idx": np.zeros(300, np.int32)}, "Expected users in at least two of 3 folds, got one"),
    ],
)
def test_bad_input_is_a_sentence(change: dict, told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        fitted(shown(300) | change)
