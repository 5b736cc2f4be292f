from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError
from recsys.ranking import linear
from recsys.ranking.config import LinearConfig
from recsys.ranking.linear import FAR, Linear
from recsys.ranking.queries import Queries
from tests.ranking.small_tables import N_ITEMS, table

CONFIG = LinearConfig(l2=1.0)
ONE = Linear(names=("a", "b"), mean=(10.0, 0.0), scale=(2.0, 1.0), weight=(0.5, -1.0), missing=(0.25, 4.0))


@pytest.fixture(scope="module")
def fitted() -> Linear:
    return linear.fit(Queries.of(table(0)), config=CONFIG)


def test_a_score_by_hand() -> None:
    rows = np.array([[12, 1], [np.nan, -2], [1e9, np.inf]], np.float32)
    parts = [[0.5 * (12 - 10) / 2, -1.0, 0], [0.25, 2.0, 0], [0.5 * FAR, 4.0, 0]]  # far is cut, inf is no number
    assert ONE.contributions(rows).tolist() == parts
    assert ONE.predict(rows).tolist() == [sum(row) for row in parts]
    assert ONE.importance() == {"a": 0.5, "b": 4.0}


def test_what_tells_weighs_and_what_does_not_hardly(fitted: Linear) -> None:
    weights = dict(zip(fitted.names, fitted.weight, strict=True))
    assert weights["telling"] > 1
    assert abs(weights["noise"]) < 0.25
    assert fitted.missing[0] == 0


def test_the_weights_are_where_a_second_implementation_finds_the_least_loss() -> None:
    made = table(0, n_users=12)
    made.gain[made.gain > 0] = np.tile([1.0, 0.5], 12)
    got = linear.fit(Queries.of(made), config=LinearConfig(l2=3.0))
    values = made.features.values.astype(np.float64)
    z = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    design = np.column_stack([np.nan_to_num(z), np.isnan(values[:, 1])])

    def loss(beta: np.ndarray) -> float:
        total = 3.0 / 2 * float(beta @ beta)
        for user in range(12):
            rows = slice(user * N_ITEMS, (user + 1) * N_ITEMS)
            score = design[rows] @ beta
            for gain, one in zip(made.gain[rows], score, strict=True):
                total -= float(gain) * (one - np.log(np.exp(score).sum()))
        return total

    found = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10}).x
    assert (*got.weight, got.missing[1]) == pytest.approx(found, abs=2e-4)


def test_a_large_table_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = linear.fit(Queries.of(table(0)), config=CONFIG)
    monkeypatch.setattr(linear, "_BLOCK", 7)
    assert linear.fit(Queries.of(table(0)), config=CONFIG).weight == pytest.approx(whole.weight, abs=1e-5)


def test_a_larger_penalty_gives_smaller_weights(fitted: Linear) -> None:
    """Where the penalty is nearly all of the loss, weights are as small as it is large."""
    large, larger = (linear.fit(Queries.of(table(0)), config=LinearConfig(l2=l2)) for l2 in (1e5, 1e6))
    assert 0 < 100 * large.weight[0] < fitted.weight[0]
    assert 10 * larger.weight[0] == pytest.approx(large.weight[0], rel=0.02)


def test_what_is_taken_oftener_weighs_more() -> None:
    """Half of the users take by the first feature, half by the second, with another weight."""
    made = table(0, names=("one", "other"))
    values = np.nan_to_num(made.features.values).reshape(-1, N_ITEMS, 2)
    gain = np.zeros(values.shape[:2], np.float32)
    for user, rows in enumerate(values):
        gain[user, rows[:, user % 2].argmax()] = 1.0 if user % 2 else 4.0
    heavier = replace(made, features=replace(made.features, values=values.reshape(-1, 2)), gain=gain.ravel())
    one, other = linear.fit(Queries.of(heavier), config=CONFIG).weight
    assert one > 1.5 * other > 0


def test_a_constant_and_an_empty_column_say_nothing() -> None:
    made = table(0)
    for odd in (3.0, np.nan):
        values = made.features.values.copy()
        values[:, 1] = odd
        got = linear.fit(Queries.of(replace(made, features=replace(made.features, values=values))), config=CONFIG)
        assert got.weight[1] == 0
        assert abs(got.missing[1]) < 1e-9
        assert np.isfinite(got.predict(values)).all()


@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=40), st.data())
def test_a_row_scores_alike_alone_and_among_many(rows: list[tuple[float, float]], data: st.DataObject) -> None:
    values = np.array(rows, np.float32)
    row = data.draw(st.integers(0, len(rows) - 1))
    together = ONE.predict(values)
    assert ONE.predict(values[row : row + 1]).tobytes() == together[row : row + 1].tobytes()
    assert ONE.contributions(values).sum(axis=1) == pytest.approx(together, abs=1e-5)
    assert np.isfinite(together).all()


def test_what_was_saved_is_loaded(fitted: Linear, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert Linear.load(tmp_path) == fitted
    assert fitted.size == "2 weights"


@pytest.mark.parametrize("change", [{"weight": [1.0]}, {"scale": [1.0, 0.0]}, {"mean": [1.0, "x"]}, {"missing": None}])
def test_a_file_that_is_no_linear_ranker_is_refused(fitted: Linear, tmp_path: Path, change: dict[str, object]) -> None:
    fitted.save(tmp_path)
    write_json(tmp_path / "linear.json", read_json(tmp_path / "linear.json") | change)
    with pytest.raises(ArtifactError, match="train"):
        Linear.load(tmp_path)
