from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from recsys.ranking import tree_parameters, trees
from recsys.ranking.config import TreesConfig
from recsys.ranking.queries import Queries
from recsys.ranking.stacked import stacked
from recsys.ranking.trees import Trees, best_round
from recsys.schema import FloatArray
from tests.ranking.small_tables import N_ITEMS, TREES, table

ORDERED = ("score_ease", "place_ease")
"""Features that can only speak for, and only against, an item."""


def grown(config: TreesConfig, *, seed: int = 0, train: Queries | None = None) -> Trees:
    return trees.fit(train or Queries.of(table(0)), config=config, seed=seed, threads=1, progress=None)


def test_the_mean_of_several_seeds_is_one_forest() -> None:
    config = TREES.model_copy(update={"feature_fraction": 0.5, "row_fraction": 0.5})
    rows = table(9).features.values
    alone = [grown(config, seed=7 + n) for n in range(3)]
    together = grown(config.model_copy(update={"seeds": 3}), seed=7)
    assert together.size == f"{3 * 20} trees"
    scores = [each.predict(rows) for each in alone]
    assert not np.array_equal(scores[0], scores[1])
    assert together.predict(rows) == pytest.approx(np.mean(scores, axis=0), abs=1e-6)
    shares = np.mean([each.contributions(rows) for each in alone], axis=0)
    assert together.contributions(rows) == pytest.approx(shares, abs=1e-6)


def test_several_seeds_score_a_row_alike_alone_and_among_many() -> None:
    forest = grown(TREES.model_copy(update={"seeds": 2, "row_fraction": 0.5}))
    rows = table(9).features.values
    together = forest.predict(rows)
    assert all(forest.predict(rows[i : i + 1]).tobytes() == together[i : i + 1].tobytes() for i in range(0, 600, 41))


def ndcg(queries: Queries, scores: FloatArray) -> float:
    """nDCG@10 of the labels, equal scores in the order of the rows; averaged over the queries."""
    found, start = [], 0
    for size in queries.sizes:
        gain, score = (values[start : start + size] for values in (queries.gain, scores))
        discount = 1 / np.log2(np.arange(2, 12))[: min(10, size)]
        listed, best = gain[np.argsort(-score, kind="stable")][:10], np.sort(gain)[::-1][:10]
        found.append((listed * discount).sum() / (best * discount).sum())
        start += size
    return float(np.mean(found))


def test_a_forest_is_judged_by_its_best_number_of_trees() -> None:
    train, exam = Queries.of(table(0)), Queries.of(table(1))
    forest = grown(TREES, train=train)
    curve = [ndcg(exam, forest.first(n).predict(exam.values)) for n in range(1, 21)]
    judged = trees.judge(train, exam, config=TREES, smoothing=1, seed=0, threads=1)
    assert len({round(value, 6) for value in curve}) > 5
    assert judged.ndcg == pytest.approx(max(curve), abs=1e-6)
    assert curve[judged.rounds - 1] == pytest.approx(max(curve), abs=1e-6)
    smooth = trees.judge(train, exam, config=TREES, smoothing=20, seed=0, threads=1)
    assert (smooth.rounds, smooth.ndcg) == (10, pytest.approx(np.mean(curve), abs=1e-6))


@pytest.mark.parametrize("seed", [0, 7])
def test_rows_that_are_asked_for_grow_the_trees_of_a_matrix(seed: int, tmp_path: Path) -> None:
    """More than 200,000, of which LightGBM draws those that bins are made of; in two parts, in a file."""
    config, made = TREES.model_copy(update={"trees": 3, "row_fraction": 0.5}), table(0, n_users=20_500)
    on_disk = replace(made, features=stacked([made.features], made.features.names, folder=tmp_path))
    first = np.arange(20_500) < 9_000
    parts = [Queries.of(on_disk, kept=np.repeat(half, N_ITEMS)) for half in (first, ~first)]
    got = grown(config, seed=seed, train=Queries.joined(parts)).booster
    whole = lightgbm.Dataset(
        made.features.values,
        np.minimum(made.gain * 10, 100).astype(np.int32),
        group=made.sizes,
        feature_name=list(made.features.names),
        params={"max_bin": 255, "verbosity": -1},
    )
    told = tree_parameters.lambdarank(config, made.features.names, seed=seed, threads=1)
    assert got.model_to_string() == lightgbm.train(told, whole, 3).model_to_string()


def test_the_first_trees_are_those_of_a_smaller_forest() -> None:
    rows = table(9).features.values
    few = grown(TREES.model_copy(update={"trees": 7}))
    first = grown(TREES).first(7)
    assert (first.count, first.size) == (7, "7 trees")
    assert first.predict(rows).tobytes() == few.predict(rows).tobytes()


def backwards() -> Queries:
    """A world where more of a feature that can only speak for an item speaks against it, and the other way round."""
    made = table(0, names=ORDERED)
    values = made.features.values.copy()
    values[:, 0] *= -1
    values[:, 1] = -values[:, 0]
    return Queries.of(replace(made, features=replace(made.features, values=values)))


@pytest.mark.parametrize("method", ["basic", "intermediate"])
def test_what_can_only_speak_for_an_item_never_speaks_against_it(method: str) -> None:
    free, held = (grown(TREES.model_copy(update={"monotone": m}), train=backwards()) for m in ("off", method))
    steps = np.linspace(-3, 3, 61, dtype=np.float32)
    more = np.stack([steps, np.zeros_like(steps)], axis=1)
    less = more[:, ::-1]
    assert np.diff(free.predict(more)).min() < 0 < np.diff(free.predict(less)).max()
    assert np.diff(held.predict(more)).min() >= 0 >= np.diff(held.predict(less)).max()


def test_progress_goes_on_over_the_seeds() -> None:
    heard: list[tuple[int, int]] = []
    config = TREES.model_copy(update={"seeds": 2, "trees": 3})
    trees.fit(
        Queries.of(table(0)), config=config, seed=0, threads=1, progress=lambda n, total, _: heard.append((n, total))
    )
    assert heard == [(n, 6) for n in range(1, 7)]


def test_the_best_round_is_in_the_middle_of_the_best_stretch() -> None:
    assert best_round([0.1, 0.7, 0.1, 0.4, 0.5, 0.4], 3) == 5
    assert best_round([0.1, 0.2, 0.3], 1) == 3
    assert best_round([0.3, 0.2], 99) == 1


def test_least_squares_find_what_rows_are_worth() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 2)).astype(np.float32)
    worth = np.where(values[:, 0] > 0, 3.0, 1.0)
    odd = rng.random(4000) < 0.3  # rows that say something else, without weight
    made = trees.regress(
        values, np.where(odd, 100.0, worth), np.where(odd, 0.0, 1.0), names=("a", "b"), seed=0, threads=1
    )
    assert made.forest is not None
    assert np.abs(made.predict(values) - worth).mean() < 0.05
    again = trees.regress(
        values, np.where(odd, 100.0, worth), np.where(odd, 0.0, 1.0), names=("a", "b"), seed=0, threads=1
    )
    assert again.predict(values).tobytes() == made.predict(values).tobytes()
