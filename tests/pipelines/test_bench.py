"""The bench table: options as data, trainings that are kept, rows that are paired with the default."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines import bench
from pipelines.options import DEFAULT, OPTIONS
from pipelines.run_directory import RunDirectory
from pipelines.trial import Trial
from recsys import settings
from recsys.artifacts import read_manifest
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.data.synthetic import make_world
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate
from tests.tiny import write_base

SETTINGS = {
    "encoder.max_tokens": 16,
    "finetune.head_steps": 6,
    "finetune.max_steps": 4,
    "finetune.evaluate_every": 2,
    "finetune.users_per_step": 32,
    "finetune.threads": 1,
    "threads": 1,
}


@pytest.mark.parametrize("option", [option for option in OPTIONS if option is not DEFAULT], ids=lambda o: o.name)
def test_every_option_changes_settings_that_exist(option):
    assert settings.load(None, option.changes) != settings.load(None)


def test_names_of_options_are_distinct():
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)


def test_chosen_options_come_in_the_tables_order_with_the_default_first():
    assert [option.name for option in bench.chosen(["lora", "no-logq"])] == ["default", "no-logq", "lora"]
    assert bench.chosen([]) == OPTIONS


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"Unknown option 'all-layer'; did you mean all-layers\? `recsys bench opt"):
        bench.chosen(["all-layer"])


def test_a_row_shows_intervals_or_why_there_are_none():
    estimate = Estimate(mean=0.1, low=0.05, high=0.15, n=90)
    row = bench.Row(
        option="lora",
        why="w",
        ndcg=estimate,
        recall=estimate,
        difference=Difference(mean=-0.01, low=-0.02, high=0.01, n=90, differing=90),
        validation=0.2,
        seconds=61.4,
    )
    missing = bench.Row(option="impressions", why="v", note="the log has no impressions")
    assert bench.cells([row, missing])[1:] == [
        [
            "lora",
            "0.1000 [0.0500, 0.1500]",
            "-0.0100 [-0.0200, 0.0100]",
            "0.1000 [0.0500, 0.1500]",
            "0.2000",
            "61",
            "w",
        ],
        ["impressions", "the log has no impressions", "", "", "", "", "v"],
    ]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(shop, base)"""
    folder = tmp_path_factory.mktemp("bench")
    make_world(n_users=90, n_items=48, seed=2).write(folder / "shop")
    (folder / "base").mkdir()
    return folder / "shop", write_base(folder / "base")


def command(places, out: Path, options: str, *more: str) -> list[str]:
    sets = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    arguments = ["--data", places[0], "--out", out, "--options", options, "--set", f"encoder.base={places[1]}", *sets]
    return [sys.executable, "-m", "pipelines", "bench", "encoder", *map(str, arguments), *more]


def bench_rows(arguments: list[str]) -> tuple[dict[str, dict], str]:
    done = subprocess.run([*arguments, "--json"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {row["option"]: row for row in json.loads(done.stdout)}, done.stderr


@pytest.fixture(scope="module")
def finished(places, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, *bench_rows(command(places, out, "zero-shot,head-only,impressions,even-weights", "--seeds", "2"))


@pytest.mark.slow
def test_every_row_is_told_against_the_default(finished):
    _, rows, _ = finished
    assert list(rows) == ["default", "zero-shot", "impressions", "even-weights", "head-only"]
    assert rows["default"]["difference"] is None
    assert rows["impressions"]["note"] == "the log has no impressions"
    assert rows["impressions"]["ndcg"] is None
    for name in ("zero-shot", "even-weights", "head-only"):
        expected = rows[name]["ndcg"]["mean"] - rows["default"]["ndcg"]["mean"]
        assert rows[name]["difference"]["mean"] == pytest.approx(expected)
        assert rows[name]["seconds"] > 0


@pytest.mark.slow
def test_users_are_judged_by_what_they_took_new_after_ranker_end(finished):
    """A second implementation of the truth: users and metric bounds from the events alone."""
    out, _, _ = finished
    log = RunDirectory.open(min((out / "logs").iterdir())) / "interactions"
    events, end = Interactions.load(log).events.filter(pl.col("weight") > 0), TimeSplit.load(log).ranker_end
    before = set(events.filter(pl.col("at") < end).select("user_idx", "item_idx").iter_rows())
    known = set(Interactions.load(log).events.filter(pl.col("at") < end)["user_idx"])
    after = events.filter(pl.col("at") >= end).select("user_idx", "item_idx").iter_rows()
    judged = sorted({user for user, item in after if user in known and (user, item) not in before})
    for folder in (out / "trials").iterdir():
        per_user = Trial.load(folder).per_user
        assert per_user["user_idx"].to_list() == judged
        assert per_user["ndcg@10"].is_between(0, 1).all()


@pytest.mark.slow
def test_a_row_is_the_mean_over_its_seeds(finished):
    out, rows, _ = finished
    folders = list((out / "trials").iterdir())
    configs = [read_manifest(folder, kind="trial").config["finetune"] for folder in folders]
    heads = [n for n, config in enumerate(configs) if config["max_steps"] == 0 < config["head_steps"]]
    assert sorted(configs[n]["seed"] for n in heads) == [0, 1]
    means = [Trial.load(folders[n]).per_user["ndcg@10"].mean() for n in heads]
    assert rows["head-only"]["ndcg"]["mean"] == pytest.approx(np.mean(means))


@pytest.mark.slow
def test_a_second_call_trains_nothing(places, finished):
    out, rows, first = finished
    again, second = bench_rows(command(places, out, "zero-shot,head-only,impressions,even-weights", "--seeds", "2"))
    assert again == rows
    assert first.count("up to date") == 0
    assert second.count("up to date") == 8


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(places, tmp_path):
    arguments = command(places, tmp_path / "out", "head-only")
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stderr:
        if "] head-only" in line:
            break
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(60) == 130, rest
    assert "interrupted; finished trainings are kept" in rest
    _, told = bench_rows(arguments)
    assert "default, seed 0: up to date" in told


@pytest.mark.slow
def test_a_failed_training_is_named_and_the_others_are_told(places, tmp_path):
    arguments = command(places, tmp_path / "out", "top-4,head-only")  # the base has three layers
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "1 of 3 trainings failed: top-4; see above." in done.stderr
    lines = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert "failed (exit code 2)" in lines["top-4"]
    assert "[" in lines["head-only"]
