"""The whole river on a small shop, as a person runs it: processes, files, exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from pipelines.stages import STAGES
from recsys.artifacts import read_manifest
from recsys.bundle import Bundle
from recsys.data.synthetic import make_world
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.ranking.ranker import Ranker
from serving.app import create_app
from serving.sqlite import SqliteStore
from tests.tiny import ASKING, write_base

pytestmark = [pytest.mark.slow, pytest.mark.ray]

ARTIFACTS = [name for stage in STAGES for name in stage.makes]
SETTINGS = {
    "encoder.max_tokens": 16,
    "pretrain.steps": 6,
    "pretrain.tokens_per_step": 600,
    "pretrain.threads": 1,
    "finetune.head_steps": 10,
    "finetune.max_steps": 10,
    "finetune.evaluate_every": 5,
    "finetune.users_per_step": 32,
    "finetune.optimiser.layer_rate": 1e-3,
    "distill.layers": 2,
    "distill.max_steps": 40,
    "finetune.threads": 1,
    "distill.threads": 1,
    "ranking.trees.trees": 30,
    "ranking.trees.leaves": 7,
    "ranking.trees.min_rows": 10,
    "evaluation.samples": 200,
    "gate.student_share": 0.5,
    "gate.pipeline_share": 0.5,
    "gate.published_share": 0.5,
    "gate.segment_share": 0.1,
    "gate.costlier": 10,
    "gate.slower": 4,
    "gate.slower_p99": 20,
    "gate.repeats": 20,
    "threads": 1,
}


def command(shop: Path, run: Path, base: Path, **changes) -> list[str]:
    settings = SETTINGS | {"encoder.base": str(base)} | changes
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return [sys.executable, "-m", "pipelines", "run", "--data", str(shop), "--run", str(run), *sets]


def recsys(arguments: list[str], folder: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=600, cwd=folder)


def digests(run: Path) -> dict[str, str]:
    kinds = {"bundles/current": "bundle"}
    return {name: read_manifest(run / name, kind=kinds.get(name, name)).digest for name in ARTIFACTS}


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """(shop, base): a small shop in the plain form and a tiny BERT that knows its words."""
    folder = tmp_path_factory.mktemp("river")
    world = make_world(n_users=210, n_items=60, seed=1)
    world.write(folder / "shop")
    (folder / "base").mkdir()
    return folder / "shop", write_base(folder / "base", more=ASKING)


@pytest.fixture(scope="session")
def finished(places, tmp_path_factory):
    """A finished run and what its command printed; its directory was named as people do, from where they stand."""
    run = tmp_path_factory.mktemp("finished") / "run"
    done = recsys(command(places[0], Path("run"), places[1]), folder=run.parent)
    assert done.returncode == 0, done.stderr
    return run, done


def test_one_command_leaves_table_report_lists_and_bundle(places, finished):
    run, done = finished
    assert done.stdout.splitlines()[0].startswith("method")
    assert {line.split("  ")[0] for line in done.stdout.splitlines()[2:]} >= {
        "recsys",
        "without the encoder",
        "popularity",
        "item-item",
        "ALS",
        "EASE",
        "zero-shot text",
    }
    page = (run / "report.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")  # nothing to fetch
    evaluation = Evaluation.load(run / "evaluation")
    assert set(evaluation.encoders) == {"teacher", "student"}
    assert evaluation.sources["all sources"].recall.mean > 0.5
    assert "pretrained" in read_manifest(run / "teacher", kind="teacher").parents
    assert Bundle.load(run / "bundles" / "current").digest == (run / "bundles" / "current").resolve().name


def test_lists_are_of_every_user_known_at_ranker_end_and_beat_popularity(places, finished):
    run, _ = finished
    lists = pl.read_parquet(run / "evaluation" / "recommendations" / "*.parquet")
    cut = json.loads((run / "interactions" / "split.json").read_text())["ranker_end"]
    events = pl.read_parquet(places[0] / "events.parquet")
    known = events.filter(pl.col("timestamp").dt.epoch("us") < cut)["user_id"].unique().sort()
    assert lists["user_id"].unique().sort().equals(known)
    assert not lists.select(pl.struct("user_id", "item_id").is_duplicated().any()).item()
    assert lists.group_by("user_id").agg(pl.col("rank").sort())["rank"].to_list() == [list(range(1, 21))] * len(known)
    difference = Evaluation.load(run / "evaluation").differences["popularity"][OVERALL]["ndcg@10"]
    assert difference.low > 0


def test_a_second_run_is_up_to_date_in_seconds(places, finished):
    run, _ = finished
    before = digests(run)
    done = recsys(command(places[0], run, places[1]))
    assert done.returncode == 0
    assert done.stderr.count("up to date") == len(STAGES)
    assert digests(run) == before


def test_changed_settings_redo_only_what_they_shape(places, finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run, symlinks=True)
    done = recsys(command(places[0], run, places[1], **{"evaluation.samples": 300}))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("up to date") == len(STAGES) - 2
    before, after = digests(finished[0]), digests(run)
    assert {name for name in before if before[name] != after[name]} == {"evaluation", "bundles/current"}


def test_a_gate_that_says_no_exits_3_and_publishes_nothing(places, finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run, symlinks=True)
    before = (run / "bundles" / "current").readlink()
    done = recsys(command(places[0], run, places[1], **{"gate.bundle_mb": 0.001}))
    assert done.returncode == 3
    assert "bundle, bytes" in done.stderr
    assert "Expected every check of the gate to pass, got no from 1 of" in done.stderr
    assert "The last release was refused" in (run / "report.html").read_text()
    assert (run / "bundles" / "current").readlink() == before
    assert len([path for path in (run / "bundles").iterdir() if not path.is_symlink()]) == 1


def test_a_second_ranker_is_judged_beside_the_bundle_of_the_first(places, finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run, symlinks=True)
    done = recsys(command(places[0], run, places[1], **{"ranking.trees.trees": 40}))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("up to date") == len(STAGES) - 3
    verdict = read_manifest(run / "bundles" / "current", kind="bundle").config["verdict"]
    beside = [check for check in verdict["checks"] if check["against"] == "published bundle"]
    assert {"nDCG@10, whole pipeline", "recall@20, text alone, cold items", "bundle, bytes"} <= {
        check["what"] for check in beside
    }
    text = next(check for check in beside if check["what"] == "nDCG@10, text alone")
    assert text["share"]["mean"] == 1  # the student is the same
    readings = json.loads((run / "bundles" / "current" / "measured.json").read_text())
    memory = next(check for check in readings if check["what"] == "memory")
    assert 0.5 < memory["candidate"] / memory["reference"] < 2


@pytest.mark.parametrize(("stage", "after"), [("finetune", 9.0), ("train_ranker", 2.0)])
def test_ctrl_c_exits_130_and_the_same_command_ends_with_the_same_digests(places, finished, tmp_path, stage, after):
    survives(places, finished[0], tmp_path / "run", stage, after)


@pytest.mark.prove
@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_ctrl_c_at_any_moment_of_any_stage(places, finished, tmp_path, stage, moment):
    after = np.random.default_rng([moment, len(stage)]).uniform(0, 12 if stage == "finetune" else 3)
    survives(places, finished[0], tmp_path / "run", stage, after)


def survives(places, undisturbed: Path, run: Path, stage: str, after: float) -> None:
    interrupt(command(places[0], run, places[1]), run, stage, after=after)
    hidden = {path.name for path in run.rglob(".*") if ".work" not in path.parts}
    assert hidden == set()  # nothing half-written is left lying about
    done = recsys(command(places[0], run, places[1]))
    assert done.returncode == 0, done.stderr
    assert digests(run) == digests(undisturbed)


def interrupt(arguments: list[str], run: Path, stage: str, *, after: float) -> None:
    """Send one SIGINT `after` seconds into a stage."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stderr:
        if f"] {stage}" in line:
            break
    time.sleep(after)
    os.kill(process.pid, signal.SIGINT)
    rest = process.stderr.read()
    code = process.wait(60)
    if stage == STAGES[-1].name and code == 0:
        return  # it was over before
    assert code == 130, rest
    assert "interrupted; finished stages are kept" in rest


def test_batch_single_and_endpoint_agree_for_200_users(finished, tmp_path):
    agree(finished[0] / "bundles", tmp_path / "lists", users=200)


def test_a_task_head_named_in_the_settings_gives_the_ranker_features(places, finished, tmp_path):
    items = pl.read_parquet(places[0] / "items.parquet").rename({"title": "text", "category": "label"})
    items.select("text", "label").write_parquet(tmp_path / "labelled.parquet")
    head = [
        "head",
        "train",
        "--task",
        "classify",
        "--data",
        str(tmp_path / "labelled.parquet"),
        "--base",
        str(places[1]),
    ]
    for setting in ("epochs=20", "threads=1", "optimiser.layer_rate=5e-3"):
        head += ["--set", f"head.{setting}"]
    assert recsys([sys.executable, "-m", "pipelines", *head, "--out", str(tmp_path / "topic")]).returncode == 0
    run = tmp_path / "run"
    shutil.copytree(finished[0], run, symlinks=True)
    done = recsys(command(places[0], run, places[1], **{"traits.heads": json.dumps([str(tmp_path / "topic")])}))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("up to date") == len(STAGES) - 4  # embed, train_ranker, evaluate, release
    features = Bundle.load(run / "bundles" / "current").recommender.ranker.features
    assert {"topic_garden", "topic_overlap"} <= set(features)
    assert "topic_overlap" not in Ranker.load(run / "ranker" / "without_encoder", threads=1).features
    agree(run / "bundles", tmp_path / "lists", users=20)


def agree(root: Path, out: Path, *, users: int) -> None:
    """Batch, single and endpoint give the same lists."""
    arguments = ["recommend", "--bundle", str(root / "current"), "--out", str(out), "--k", "10"]
    assert recsys([sys.executable, "-m", "pipelines", *arguments]).returncode == 0
    lists = pl.read_parquet(out / "*.parquet")
    bundle = Bundle.load(root / "current")
    some = bundle.users.ids[:users]
    assert len(some) == users
    store = SqliteStore(out.with_name(f"{out.name}-state"))
    with TestClient(create_app(root, store=store, clock=lambda end: end)) as client:
        for user in some:
            batch = lists.filter(pl.col("user_id") == user)
            alone = bundle.recommender.recommend(bundle.histories([user]), k=10, as_of=bundle.end)
            assert bundle.catalog.vocabulary.decode(alone.item_idx) == batch["item_id"].to_list()
            assert alone.score.tolist() == batch["score"].to_list()
            items = client.post("/v1/recommend", json={"user_id": user, "k": 10}).json()["items"]
            assert [item["item_id"] for item in items] == batch["item_id"].to_list()
            assert [item["rank"] for item in items] == batch["rank"].to_list()
            assert np.abs(np.array([item["score"] for item in items]) - batch["score"].to_numpy()).max() <= 1e-5
