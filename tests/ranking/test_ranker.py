from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError, ShapeError, TrainingError
from recsys.ranking.config import TreesConfig
from recsys.ranking.features import FeatureTable
from recsys.ranking.ranker import Ranker, RankerTable, _thinned

CONFIG = TreesConfig(trees=20, smoothing=3, leaves=4, min_rows=5, feature_fraction=1.0, learning_rate=0.1, l2=0)
N_USERS, N_ITEMS = 60, 10


def table(seed: int, *, n_users: int = N_USERS, gain: bool = True) -> RankerTable:
    """Every user takes the two items with the largest `telling`; `noise` says nothing, half of it is missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_users, N_ITEMS, 2)).astype(np.float32)
    values[..., 1][rng.random((n_users, N_ITEMS)) < 0.5] = np.nan
    order = np.argsort(-values[..., 0], axis=1)
    gains = np.zeros((n_users, N_ITEMS), np.float32)
    if gain:
        np.put_along_axis(gains, order[:, :2], 1.0, axis=1)
    features = FeatureTable(
        names=("telling", "noise"),
        values=values.reshape(-1, 2),
        indptr=np.arange(0, n_users * N_ITEMS + 1, N_ITEMS),
        item_idx=np.tile(np.arange(N_ITEMS, dtype=np.int32), n_users),
    )
    return RankerTable(as_of=seed, label_end=seed + 1, features=features, gain=gains.ravel(), missed=0)


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return Ranker.fit([table(0), table(1), table(2)], CONFIG)


def test_what_tells_comes_first(ranker: Ranker) -> None:
    unseen = table(9)
    score = ranker.score(unseen.features).reshape(N_USERS, N_ITEMS)
    best = unseen.features.values[:, 0].reshape(N_USERS, N_ITEMS).argmax(axis=1)
    assert np.mean(score[np.arange(N_USERS), best] >= np.sort(score, axis=1)[:, -2]) > 0.9


def test_equal_fits_are_equal_to_the_byte(ranker: Ranker, tmp_path: Path) -> None:
    for name, one in (("a", ranker), ("b", Ranker.fit([table(0), table(1), table(2)], CONFIG))):
        (tmp_path / name).mkdir()
        one.save(tmp_path / name)
    assert (tmp_path / "a/ranker.txt").read_bytes() == (tmp_path / "b/ranker.txt").read_bytes()


def test_a_row_scores_alike_alone_and_among_many(ranker: Ranker) -> None:
    features = table(9).features
    together = ranker.score(features)
    for row in range(0, len(together), 37):
        one = FeatureTable(
            names=features.names,
            values=features.values[row : row + 1],
            indptr=np.array([0, 1]),
            item_idx=features.item_idx[row : row + 1],
        )
        assert ranker.score(one).tobytes() == together[row : row + 1].tobytes()


def test_contributions_add_up_to_the_score(ranker: Ranker) -> None:
    features = table(9).features
    assert ranker.contributions(features).sum(axis=1) == pytest.approx(ranker.score(features), abs=1e-5)
    assert ranker.contributions(features).shape == (N_USERS * N_ITEMS, 3)


def test_no_rows_give_no_scores(ranker: Ranker) -> None:
    empty = table(0, n_users=0).features
    assert ranker.score(empty).shape == (0,)
    assert ranker.contributions(empty).shape == (0, 3)


def test_other_features_are_refused(ranker: Ranker) -> None:
    features = table(9).features
    renamed = FeatureTable(
        names=("telling", "rumour"), values=features.values, indptr=features.indptr, item_idx=features.item_idx
    )
    with pytest.raises(ShapeError, match="expected its 2 features, got 2 with a difference in 'noise'"):
        ranker.score(renamed)
    with pytest.raises(ShapeError, match="difference in 'another order'"):
        ranker.score(features.select(("noise", "telling")))


def test_a_missing_feature_is_named() -> None:
    with pytest.raises(ShapeError, match="The ranker reads feature 'rumour'"):
        table(0).features.select(("telling", "rumour"))


def test_dropped_features_are_not_read() -> None:
    tables = [table(seed).drop(frozenset({"noise"})) for seed in (0, 1)]
    assert Ranker.fit(tables, CONFIG).features == ("telling",)


def test_a_loaded_ranker_scores_the_same(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    loaded = Ranker.load(tmp_path)
    features = table(9).features
    assert loaded.score(features).tobytes() == ranker.score(features).tobytes()
    assert loaded.features == ranker.features


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ranker.txt").write_text("nonsense")
    with pytest.raises(ArtifactError, match="Expected a LightGBM model"):
        Ranker.load(tmp_path)


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(TrainingError, match="Expected users with a positive event among their candidates"):
        Ranker.fit([table(0, gain=False)], CONFIG)


def test_an_instant_without_labels_is_passed_over() -> None:
    assert Ranker.fit([table(0), table(1, gain=False), table(2)], CONFIG).features == ("telling", "noise")
    assert Ranker.fit([table(0), table(1, gain=False)], CONFIG).features == ("telling", "noise")


def test_only_some_of_what_was_not_taken_is_learned_from() -> None:
    few = _thinned(table(0), 3, seed=0)
    assert np.diff(few.features.indptr).tolist() == [2 + 3] * N_USERS
    assert few.gain.sum() == table(0).gain.sum()
    whole = {row.tobytes() for row in table(0).features.values}
    assert all(row.tobytes() in whole for row in few.features.values)
    assert len(_thinned(table(0), 99, seed=0).gain) == N_USERS * N_ITEMS


def test_progress_is_told_tree_by_tree() -> None:
    heard: list[tuple[int, int]] = []
    Ranker.fit([table(0)], CONFIG, progress=lambda done, total, _: heard.append((done, total)))
    assert heard == [(tree, 20) for tree in range(1, 21)]
