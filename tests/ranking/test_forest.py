from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.ranking.forest import Forest
from recsys.schema import FloatArray

ODD = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e-35, -1e-35, -1e-40, 2e-35, 3e38, -3e38], np.float32)
"""What a comparison may get wrong."""


def values(source: np.random.Generator, rows: int, *, odd: float) -> FloatArray:
    """float32 (rows, 6), a share of them odd; the fourth column takes few values, so that rows stand at thresholds."""
    drawn = source.normal(size=(rows, 6)).astype(np.float32)
    drawn[:, 3] = source.integers(0, 4, rows)
    return np.where(source.random((rows, 6)) < odd, source.choice(ODD, (rows, 6)), drawn)


def booster(source: np.random.Generator, *, odd: float = 0.1, by: str = "auto", **others: object) -> lightgbm.Booster:
    """A forest of chance, as it is once it was written and read; column `by` is a category."""
    rows = values(source, 600, odd=odd)
    label = (rows[:, 3] == 2) + (0 if "objective" in others else source.integers(0, 3, 600))
    grown = {"objective": "lambdarank", "num_leaves": 15, "learning_rate": 0.3, "seed": 1, "verbosity": -1}
    least = {"min_data_in_leaf": 2, "min_sum_hessian_in_leaf": 0, "min_data_per_group": 1, "num_threads": 1}
    parameters = {**grown, **least, **others}
    names = [f"f{column}" for column in range(6)]
    data = lightgbm.Dataset(
        rows,
        label,
        group=[60] * 10,
        feature_name=names,
        categorical_feature=[by] if by in names else by,
        params=parameters,
    )
    return lightgbm.Booster(model_str=lightgbm.train(parameters, data, 7).model_to_string())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    odd=st.sampled_from([0.0, 0.1, 0.5]),
    leaves=st.sampled_from([2, 3, 15, 31, 32, 33, 63, 64]),
    use_missing=st.booleans(),
    rows=st.sampled_from([1, 2, 63, 256, 257, 1000]),
)
def test_it_says_to_the_bit_what_lightgbm_says(
    seed: int, odd: float, leaves: int, use_missing: bool, rows: int
) -> None:
    source = np.random.default_rng(seed)
    made = booster(source, odd=odd, num_leaves=leaves, use_missing=use_missing)
    forest = Forest.of(made.model_to_string())
    assert forest is not None
    asked = values(source, rows, odd=0.3)
    assert forest.predict(asked).tobytes() == np.asarray(made.predict(asked, num_threads=1)).tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_least_squares_are_said_to_the_bit_too(seed: int) -> None:
    source = np.random.default_rng(seed)
    rows = values(source, 2000, odd=0)
    parameters = {"objective": "regression", "num_leaves": 15, "verbosity": -1, "num_threads": 1, "seed": seed}
    made = lightgbm.train(parameters, lightgbm.Dataset(rows, rows[:, 0] + rows[:, 3] ** 2), 20)
    forest = Forest.of(made.model_to_string())
    assert forest is not None
    asked = values(source, 500, odd=0.3)
    assert forest.predict(asked).tobytes() == np.asarray(made.predict(asked, num_threads=1)).tobytes()


def test_trees_may_have_a_single_leaf() -> None:
    source = np.random.default_rng(0)
    made = booster(source, min_data_in_leaf=400)
    forest = Forest.of(made.model_to_string())
    assert forest is not None
    assert len(forest.feature) == 0
    asked = values(source, 5, odd=0)
    assert forest.predict(asked).tobytes() == np.asarray(made.predict(asked)).tobytes()


def test_a_row_at_a_threshold_goes_left() -> None:
    made = booster(np.random.default_rng(3), odd=0, num_leaves=64)
    forest = Forest.of(made.model_to_string())
    assert forest is not None
    asked = np.zeros((3 * len(forest.threshold), 6), np.float32)
    for step, way in enumerate((-np.inf, 0, np.inf)):
        beside = forest.threshold if way == 0 else np.nextafter(forest.threshold, np.float32(way))
        asked[np.arange(len(beside)) + step * len(beside), forest.feature] = beside
    assert forest.predict(asked).tobytes() == np.asarray(made.predict(asked)).tobytes()


def test_numbers_of_another_order_in_memory_are_read_alike() -> None:
    source = np.random.default_rng(4)
    forest = Forest.of(booster(source).model_to_string())
    assert forest is not None
    asked = values(source, 40, odd=0.2)
    assert forest.predict(np.asfortranarray(asked)).tobytes() == forest.predict(asked).tobytes()
    assert forest.predict(asked[:0]).tolist() == []


@pytest.mark.parametrize(
    "others",
    [
        {"num_leaves": 65},
        {"zero_as_missing": True},
        {"by": "f3", "odd": 0.0, "cat_smooth": 0, "cat_l2": 0},
        {"linear_tree": True, "odd": 0.0, "objective": "regression"},
        {"objective": "binary"},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ],
)
def test_what_is_not_laid_out_is_left_to_lightgbm(others: dict[str, Any]) -> None:
    made = booster(np.random.default_rng(5), **others)
    assert Forest.of(made.model_to_string()) is None
