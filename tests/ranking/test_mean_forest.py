import lightgbm
import numpy as np
import pytest

from recsys.ranking.mean_forest import mean


def forest(seed: int, rounds: int = 4) -> lightgbm.Booster:
    """Of a feature whose name looks like the form's own words."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(200, 2))
    data = lightgbm.Dataset(values, values[:, 0] ** 2, feature_name=["Tree=0", "end_of_trees"])
    return lightgbm.train({"objective": "regression", "num_leaves": 5, "verbosity": -1, "seed": seed}, data, rounds)


def test_the_mean_of_forests() -> None:
    forests = [forest(seed, rounds) for seed, rounds in ((0, 4), (1, 4), (2, 3))]
    one = lightgbm.Booster(model_str=mean([each.model_to_string() for each in forests]))
    rows = np.random.default_rng(9).normal(size=(50, 2))
    rows[::5, 1] = np.nan
    assert one.num_trees() == 4 + 4 + 3
    assert one.feature_name() == ["Tree=0", "end_of_trees"]
    assert one.predict(rows) == pytest.approx(np.mean([each.predict(rows) for each in forests], axis=0), abs=1e-12)
    shares = np.mean([each.predict(rows, pred_contrib=True) for each in forests], axis=0)
    assert one.predict(rows, pred_contrib=True) == pytest.approx(shares, abs=1e-12)
    gains = np.sum([each.feature_importance("gain") for each in forests], axis=0)
    assert one.feature_importance("gain") == pytest.approx(gains, rel=1e-5)


def test_what_is_written_again_reads_the_same() -> None:
    one = lightgbm.Booster(model_str=mean([forest(0).model_to_string(), forest(1).model_to_string()]))
    again = lightgbm.Booster(model_str=one.model_to_string())
    rows = np.random.default_rng(9).normal(size=(50, 2))
    assert again.predict(rows).tobytes() == one.predict(rows).tobytes()


def test_one_forest_is_its_own_mean() -> None:
    text = forest(0).model_to_string()
    assert mean([text]) == text
