"""The ranker, and those beside it."""

import importlib.util
import json
import shutil

import polars as pl
import pytest

from recsys.evaluation.results import TEXT_ALONE, WHOLE, Evaluation
from recsys.ranking.linear import Linear
from recsys.ranking.ranker import Ranker
from recsys.ranking.trials import Trials
from recsys.schema import EVENT_CODES
from tests.pipelines.small_run import noise, put, put_teacher, resettled, stages


@pytest.mark.parametrize("rankers", [[], ["without_encoder"], ["with_teacher", "without_encoder"]])
def test_only_the_rankers_asked_for_are_trained_and_evaluated(evaluated, tmp_path, rankers):
    path = shutil.copytree(evaluated, tmp_path / "run")
    resettled(path, ablation={"rankers": rankers})
    stages(path, "train_ranker", "evaluate")
    assert sorted(p.name for p in (path / "ranker").iterdir() if p.is_dir()) == sorted(rankers)
    found = Evaluation.load(path / "evaluation")
    assert ("without the encoder" in found.methods) == ("without_encoder" in rankers)
    assert list(found.kept) == [*([WHOLE] if "with_teacher" in rankers else []), TEXT_ALONE]


def test_the_teachers_ranker_learns_from_the_teachers_vectors(evaluated, tmp_path, shop):
    """The teacher is another one than the student here: both rankers differ, and the served one does not notice."""
    path = shutil.copytree(evaluated, tmp_path / "run")
    before = (path / "ranker" / "ranker.txt").read_bytes()
    assert (path / "ranker" / "with_teacher" / "ranker.txt").read_bytes() == before  # the student itself
    put_teacher(path, shop, noise(path))
    stages(path, "train_ranker", "evaluate")
    assert (path / "ranker" / "ranker.txt").read_bytes() == before
    assert (path / "ranker" / "with_teacher" / "ranker.txt").read_bytes() != before
    assert Ranker.load(path / "ranker" / "with_teacher", threads=1).features
    kept = Evaluation.load(path / "evaluation").kept[TEXT_ALONE]["overall"]["ndcg@10"]
    assert kept.share.low > 1  # noise finds less


FEW = {"trees": 6, "leaves": 4, "min_rows": 10}


@pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is not installed")
def test_settings_are_tried_for_each_ranker_and_told(evaluated, tmp_path, capfd):
    path = shutil.copytree(evaluated, tmp_path / "run")
    resettled(path, ablation={"rankers": ["without_encoder"]}, ranking={"trees": FEW, "tuning": {"trials": 3}})
    stages(path, "train_ranker", "evaluate")
    ours, blind = (Trials.load(folder) for folder in (path / "ranker", path / "ranker" / "without_encoder"))
    assert [len(trials.tried) for trials in (ours, blind)] == [3, 3]
    assert Ranker.load(path / "ranker").model.size == f"{ours.best.rounds} trees"
    assert Evaluation.load(path / "evaluation").trials == ours
    assert "ranker, trials" in capfd.readouterr().err
    assert not (evaluated / "ranker" / "tuning.json").exists()


def test_too_few_users_are_told_and_get_a_linear_ranker(evaluated, tmp_path, capfd):
    path = shutil.copytree(evaluated, tmp_path / "run")
    few = {"trees": FEW, "least_users": 10_000, "tuning": {"trials": 3}}
    resettled(path, ablation={"rankers": []}, ranking=few)
    stages(path, "train_ranker", "evaluate")
    told = "ranker: fewer than ranking.least_users = 10000 users to learn from, so it is linear"
    assert told in capfd.readouterr().err
    assert isinstance(Ranker.load(path / "ranker").model, Linear)
    assert sorted(p.name for p in (path / "ranker").iterdir()) == ["linear.json", "manifest.json", "probability.json"]
    found = Evaluation.load(path / "evaluation")
    assert sum(found.importance.values()) == pytest.approx(1)
    assert found.trials is None
    assert list(found.probability) == ["ranker, test window"]


def test_a_table_too_large_is_told_and_reported(evaluated, tmp_path, capfd):
    """Of 1 MiB there is room for about 6,000 of the small shop's rows of about 60 features: some users are drawn."""
    path = shutil.copytree(evaluated, tmp_path / "run")
    resettled(path, ablation={"rankers": ["without_encoder"]}, ranking={"trees": FEW, "table_mib": 1})
    stages(path, "train_ranker", "evaluate")
    draw = Ranker.load(path / "ranker").draw
    assert 0 < draw.users < draw.of_users
    assert draw.rows * len(Ranker.load(path / "ranker").features) * 4 <= 1 << 20
    assert f"  ranker: {draw.sentence}\n" in capfd.readouterr().err
    assert Evaluation.load(path / "evaluation").draw == draw
    assert "draw.json" in json.loads((path / "ranker" / "manifest.json").read_text())["files"]
    assert Evaluation.load(evaluated / "evaluation").draw is None
    assert not (evaluated / "ranker" / "draw.json").exists()


def test_places_of_the_log_correct_what_the_ranker_learns(evaluated, tmp_path, shop, capfd):
    """Impressions of the clicked items at two places, so that the log tells how far down is looked."""
    path = shutil.copytree(evaluated, tmp_path / "run")
    clicks = shop.interactions.events.filter(pl.col("event") == EVENT_CODES["click"])
    placed = clicks.with_columns(position=(pl.int_range(pl.len()) % 4 // 3 * 2 + 1).cast(pl.Int32))  # 1 1 1 3
    shown = pl.concat([clicks.with_columns(position=pl.lit(place, pl.Int32)) for place in (1, 3)])
    shown = shown.with_columns(event=pl.lit(EVENT_CODES["impression"], pl.UInt8), weight=pl.lit(0.0, pl.Float32))
    others = shop.interactions.events.filter(pl.col("event") != EVENT_CODES["click"])
    events = pl.concat([shown, placed, others]).sort("at", "user_idx", "item_idx", "event", "value", "position")
    split = json.loads((path / "interactions" / "split.json").read_text())

    def log(work):
        shutil.copytree(path / "interactions", work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
        events.write_parquet(work / "events.parquet")

    with_places = tmp_path / "log"
    with_places.mkdir()
    log(with_places)
    put(path, "interactions", lambda work: shutil.copytree(with_places, work, dirs_exist_ok=True))
    before = (path / "ranker" / "ranker.txt").read_bytes()
    resettled(path, ablation={"rankers": []})
    stages(path, "train_ranker", "evaluate")
    seen = Evaluation.load(path / "evaluation").examination
    known = placed.filter(pl.col("at") < split["ranker_end"])
    assert seen.taken == len(known)
    assert seen.eta == pytest.approx(1.0, abs=3 * seen.error)  # 3 times as many clicks at place 1 as at place 3
    assert "places: looked at as p^-" in capfd.readouterr().err
    assert (path / "ranker" / "ranker.txt").read_bytes() != before
    resettled(path, ablation={"rankers": []}, ranking={"trees": FEW, "position_limit": 1})
    stages(path, "train_ranker")
    assert not (path / "ranker" / "examination.json").exists()
