from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError, ShapeError, TrainingError
from recsys.ranking.config import LinearConfig, RankingConfig, TreesConfig
from recsys.ranking.features import FeatureTable
from recsys.ranking.linear import Linear
from recsys.ranking.ranker import Ranker, kind_for
from recsys.ranking.trees import Trees
from tests.ranking.small_tables import N_ITEMS, N_USERS, TREES, drawn, table

CONFIG = RankingConfig(trees=TREES)
LINEAR = RankingConfig(kind="linear", linear=LinearConfig(l2=1.0))


@pytest.fixture(scope="module", params=[CONFIG, LINEAR], ids=["trees", "linear"])
def ranker(request: pytest.FixtureRequest) -> Ranker:
    return Ranker.fit([table(0), table(1), table(2)], request.param)


def test_what_tells_comes_first(ranker: Ranker) -> None:
    unseen = table(9)
    score = ranker.score(unseen.features).reshape(N_USERS, N_ITEMS)
    best = unseen.features.values[:, 0].reshape(N_USERS, N_ITEMS).argmax(axis=1)
    assert np.mean(score[np.arange(N_USERS), best] >= np.sort(score, axis=1)[:, -2]) > 0.9


@pytest.mark.parametrize(("config", "file"), [(CONFIG, "ranker.txt"), (LINEAR, "linear.json")])
def test_equal_fits_are_equal_to_the_byte(config: RankingConfig, file: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Ranker.fit([table(0), table(1), table(2)], config).save(tmp_path / name)
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted([file, "probability.json"])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


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
    tables = [table(seed) for seed in (0, 1)]
    assert Ranker.fit(tables, CONFIG, without=frozenset({"noise"})).features == ("telling",)


def test_a_loaded_ranker_scores_the_same(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    loaded = Ranker.load(tmp_path)
    features = table(9).features
    assert loaded.score(features).tobytes() == ranker.score(features).tobytes()
    assert loaded.features == ranker.features
    assert loaded.probability == ranker.probability
    assert type(loaded.model) is type(ranker.model)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ranker.txt").write_text("nonsense")
    with pytest.raises(ArtifactError, match="Expected a LightGBM model"):
        Ranker.load(tmp_path)


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(TrainingError, match="Expected users with a positive event among their candidates"):
        Ranker.fit([table(0, gain=False)], CONFIG)


@pytest.mark.parametrize("config", [CONFIG, LINEAR], ids=["trees", "linear"])
def test_with_room_for_some_users_it_learns_from_those_and_says_so(config: RankingConfig, tmp_path: Path) -> None:
    tables = [table(seed, n_users=5000) for seed in (0, 1, 2)]
    whole, some = (Ranker.fit(tables, config.model_copy(update={"table_mib": mib})) for mib in (2, 1))
    assert whole.draw is None
    assert some.draw
    assert (some.draw.rows, some.draw.of_rows) == ((1 << 20) // 8 // N_ITEMS * N_ITEMS, 3 * 5000 * N_ITEMS)
    assert some.probability
    assert some.probability.taken + some.probability.others == 5000 * N_ITEMS  # the last instant is asked whole
    some.save(tmp_path)
    assert Ranker.load(tmp_path).draw == some.draw
    score = some.score(table(9).features).reshape(N_USERS, N_ITEMS)
    best = table(9).features.values[:, 0].reshape(N_USERS, N_ITEMS).argmax(axis=1)
    assert np.mean(score[np.arange(N_USERS), best] >= np.sort(score, axis=1)[:, -2]) > 0.9


def test_an_instant_without_labels_is_passed_over() -> None:
    assert Ranker.fit([table(0), table(1, gain=False), table(2)], CONFIG).features == ("telling", "noise")
    assert Ranker.fit([table(0), table(1, gain=False)], CONFIG).features == ("telling", "noise")


def test_few_users_get_a_linear_ranker() -> None:
    """3 instants of 6 users each are 18, fewer than 20."""
    few, enough = [table(seed, n_users=6) for seed in (0, 1, 2)], [table(seed, n_users=7) for seed in (0, 1, 2)]
    assert (kind_for(few, CONFIG), kind_for(enough, CONFIG), kind_for(enough, LINEAR)) == ("linear", "trees", "linear")
    assert isinstance(Ranker.fit(few, CONFIG).model, Linear)
    assert isinstance(Ranker.fit(enough, CONFIG).model, Trees)
    idle = table(0, n_users=40, gain=False)
    assert kind_for([*few, idle], CONFIG) == "linear"  # nothing to learn from them


def test_the_last_instant_says_how_likely_a_score_is_taken(ranker: Ranker) -> None:
    trees = TREES.model_copy(update={"trees": 60, "leaves": 8})
    config = LINEAR if isinstance(ranker.model, Linear) else RankingConfig(trees=trees)
    tables = [drawn(seed, 2.0) for seed in (0, 1, 2)]
    fitted = Ranker.fit(tables, config)
    assert fitted.probability
    assert fitted.probability.window == 7
    assert fitted.probability.taken == np.count_nonzero(tables[-1].gain)
    new = drawn(9, 2.0, n_users=2000)
    chance = fitted.chance(fitted.score(new.features))
    taken = new.gain > 0
    assert chance.mean() == pytest.approx(taken.mean(), abs=0.015)
    top = chance >= np.quantile(chance, 0.95)
    assert chance[top].mean() == pytest.approx(taken[top].mean(), abs=0.08)
    assert taken[top].mean() > 4 * taken.mean()


def test_the_chance_is_of_a_model_that_has_not_seen_the_answers() -> None:
    """Where only chance decides, trees that have learned it by heart would be sure of it."""
    greedy = RankingConfig(trees=TreesConfig(trees=60, leaves=60, min_rows=1, l2=0, learning_rate=0.3))
    by_chance = [replace(drawn(seed, 0.0), label_end=seed + 7) for seed in (0, 1, 2)]
    ranker = Ranker.fit(by_chance, greedy)
    rate = float((by_chance[-1].gain > 0).mean())
    assert ranker.chance(ranker.score(by_chance[-1].features)).max() < 3 * rate


def test_a_single_instant_leaves_nobody_to_ask() -> None:
    alone = Ranker.fit([table(0)], CONFIG)
    assert alone.probability is None
    assert np.isnan(alone.chance(alone.score(table(9).features))).all()
    assert Ranker.fit([table(0), table(1, gain=False)], CONFIG).probability is None


def test_progress_is_told_tree_by_tree() -> None:
    heard: list[tuple[int, int]] = []
    Ranker.fit([table(0)], CONFIG, progress=lambda done, total, _: heard.append((done, total)))
    assert heard == [(tree, 20) for tree in range(1, 21)]
