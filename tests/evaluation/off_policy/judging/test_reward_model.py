"""A reward model finds worth and examination, and never looks at the user it is asked about."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.judging import reward_model
from recsys.evaluation.off_policy.judging.reward_model import FOLDS, Pairs, RewardModel

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
        "item_idx": rng.integers(-1, 50, n).astype(np.int32),
    }


def pairs(rows: dict, part: slice | np.ndarray = slice(None)) -> Pairs:
    return Pairs(**{name: rows[name][part] for name in ("values", "item_idx", "user_idx")})


def fitted(rows: dict, **more: object) -> RewardModel:
    return RewardModel.fit(pairs(rows), rows["reward"], position=rows["position"], names=("a", "b"), **more)


def said(model: RewardModel, rows: dict, part: slice | np.ndarray = slice(None)) -> np.ndarray:
    return model.items(pairs(rows, part))


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


def test_threads_change_nothing() -> None:
    rows = shown(6000)
    assert said(fitted(rows, threads=3), rows).tobytes() == said(fitted(rows), rows).tobytes()


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
    return int(reward_model.folds(np.array([user], np.int32))[0])


def test_users_are_spread_over_the_folds() -> None:
    counts = np.bincount(reward_model.folds(np.arange(3000, dtype=np.int32)), minlength=FOLDS)
    assert counts.min() > 900


def test_an_item_is_worth_what_it_earned_before_others() -> None:
    rng = np.random.default_rng(1)
    rows = shown(60_000) | {"values": np.zeros((60_000, 2), np.float32)}
    attract = rng.uniform(0, 0.8, 50)
    chance = LOOKED[rows["position"] - 1] * np.where(rows["item_idx"] < 0, 0.4, attract[rows["item_idx"]])
    model = fitted(rows | {"reward": (rng.random(60_000) < chance).astype(np.float64)})
    every = {"values": np.zeros((50, 2), np.float32), "item_idx": np.arange(50, dtype=np.int32)}
    found = model.items(Pairs(**every, user_idx=np.zeros(50, np.int32)))
    assert np.corrcoef(found, attract)[0, 1] > 0.98
    assert np.abs(found - attract * LOOKED.mean()).mean() < 0.03


def test_what_items_earned_is_drawn_to_the_mean_and_told_by_the_folds_of_others() -> None:
    users = np.array([next(n for n in range(99) if _fold(n) == fold) for fold in range(FOLDS)], np.int32)
    who = np.repeat(users, 100)
    reward = np.repeat([0.0, 1.0, 1.0], 100)
    values = np.zeros((300, 1), np.float32)
    some = Pairs(values=values, item_idx=np.zeros(300, np.int32), user_idx=who)
    model = RewardModel.fit(some, reward, position=np.ones(300, np.int32), names=("a",))
    # of fold 0 the others earned 200 of 200, else 100 of 200; a prior of 100 rows at their mean changes nothing
    assert model.earned[:, 0].tolist() == pytest.approx([1, 0.5, 0.5])
    assert model.earned[:, 1].tolist() == pytest.approx([1, 0.5, 0.5])
    other = replace(some, item_idx=np.repeat([0, 1, 1], 100).astype(np.int32))
    model = RewardModel.fit(other, reward, position=np.ones(300, np.int32), names=("a",))
    # of fold 1: item 0 earned 0 of 100, item 1 100 of 100, the mean is a half: (0 + 50) / 200 and (100 + 50) / 200
    assert model.earned[1].tolist() == pytest.approx([0.25, 0.75, 0.5])


def test_an_item_that_nobody_was_shown_is_any_item() -> None:
    rows = shown(6000)
    model = fitted(rows)
    unknown = rows | {"item_idx": np.full(6000, -1, np.int32)}
    assert said(model, rows | {"item_idx": np.full(6000, 77, np.int32)}).tolist() == said(model, unknown).tolist()


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
        ({"reward": np.zeros(2)}, r"Expected as many rows in each array, got \[2, 300\]"),
        ({"item_idx": np.zeros(7, np.int32)}, r"Expected as many rows in each array, got \[7, 300\]"),
        ({"position": np.zeros(300, np.int32)}, "Expected positions from 1, got 0"),
        ({"user_idx": np.full(300, -1, np.int32)}, "Expected users from 0, got -1"),
        ({"user_idx": np.zeros(300, np.int32)}, "Expected users in at least two of 3 folds, got one"),
    ],
)
def test_bad_input_is_a_sentence(change: dict, told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        fitted(shown(300) | change)


def test_no_rows_are_a_sentence() -> None:
    with pytest.raises(ShapeError, match="Expected rows to learn rewards from, got none"):
        fitted({name: rows[:0] for name, rows in shown(300).items()})
