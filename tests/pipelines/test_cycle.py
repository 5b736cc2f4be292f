"""Nights of a small shop: nothing new is nothing to do, what is new is published, what is worse or broken is not."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest

from pipelines import river
from pipelines.cycle import Hands, Order, cycle
from pipelines.intake import QUARANTINE
from pipelines.lock import LOCK, LockedError, held
from pipelines.river import StageError, run_stage
from pipelines.run_directory import RunDirectory
from pipelines.served import Served
from pipelines.smoke import SmokeError, smoke
from recsys import settings
from recsys.artifacts import read_manifest
from recsys.bundle import Bundle
from recsys.data.catalog import Catalog
from recsys.data.policy_log import ANSWERS, EVENTS
from recsys.data.synthetic import START, make_world
from recsys.errors import GateError, QualityError, UsageError
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.onnx import OnnxEncoder
from recsys.schema import DAY, moment
from serving.experiments import Experiment
from serving.site import opened as store_of
from tests.pipelines.small_run import LENIENT, write_student, write_teacher

NOW = START + 200 * DAY
WORLD = make_world(n_users=60, n_items=48)


def ordered(tmp_path):
    """An order for a shop that has told its first hundred days; the other twenty come by the log."""
    early = WORLD.events.filter(pl.col("timestamp") < moment(START + 100 * DAY))
    replace(WORLD, events=early).write(tmp_path / "shop")
    chosen = settings.validate(
        {
            "ranking": {"trees": {"trees": 20, "leaves": 7, "min_rows": 10}},
            "ablation": {"rankers": []},
            "evaluation": {"samples": 200},
            "gate": LENIENT,
            "threads": 1,
        }
    )
    return Order(
        directory=tmp_path / "cycle", data=str(tmp_path / "shop"), log=None, state=None, settings=chosen, keep=2, k=5
    )


class Worker:
    """Makes stages in this process; teacher and student are the toy encoder, whatever was learnt."""

    def __init__(self, encoder: Path) -> None:
        self.encoder, self.made, self.spoil, self.model = encoder, [], None, None

    def go(self, run, stages, lock):
        for stage in stages:
            if run.is_made(stage):
                continue
            self.made.append(stage.name)
            if self.spoil == stage.name:
                raise KeyboardInterrupt
            if stage.name in ("finetune", "distill"):
                self._encoder(run, stage)
            else:
                run_stage(stage.name, run.path)

    def _encoder(self, run, stage):
        vectors = ItemVectors.of(Catalog.load(run / "catalog"), OnnxEncoder.load(self.encoder))
        with run.make(stage) as out:
            if stage.name == "finetune":
                write_teacher(out["teacher"], vectors, DAY)
            else:
                write_student(out["student"], self.encoder, DAY, model=self.model)


def hands_of(worker):
    return Hands(go=worker.go, smoke=smoke, clock=lambda: NOW)


@pytest.fixture(scope="module")
def made(toy_encoder, memory_is_told, tmp_path_factory):
    """(folder, outcome, stages made) of a first night."""
    folder, worker = tmp_path_factory.mktemp("nights"), Worker(toy_encoder)
    return folder, cycle(ordered(folder), hands_of(worker)), worker.made


@pytest.fixture
def worker(toy_encoder):
    return Worker(toy_encoder)


@pytest.fixture
def hands(worker, memory_is_told):
    return hands_of(worker)


@pytest.fixture
def first(made, tmp_path):
    """The outcome of a first night, in a copy of its own to go on from."""
    shutil.copytree(made[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    return replace(made[1], night=tmp_path / "cycle" / "nights" / made[1].night.name)


@pytest.fixture
def asked(tmp_path):
    return ordered(tmp_path)


def post(asked, first, last, **broken):
    """The world's events of some days, as they were posted to the service; a file of the log for each such call."""
    log = asked.directory / "serving" / "log"
    for table in ("answers", "events"):
        (log / table).mkdir(parents=True, exist_ok=True)
    days = pl.col("timestamp").is_between(moment(START + first * DAY), moment(START + last * DAY), closed="left")
    rows = WORLD.events.filter(days).with_row_index("n")
    told = rows.select(
        "n",
        pl.format("e{}-{}", pl.lit(first), "n").alias("event_id"),
        *(name for name in ("user_id", "item_id", "event", "timestamp", "value")),
        pl.lit(None, pl.String).alias("request_id"),
        pl.col("timestamp").alias("posted"),
    ).with_columns(**broken)
    told.select(*EVENTS).write_parquet(log / "events" / f"{first}.parquet")
    pl.DataFrame(schema=ANSWERS).write_parquet(log / "answers" / "none.parquet")
    return told.height


def current(asked):
    return (asked.directory / "bundles" / "current").resolve().name


def bundles(asked):
    return {path.name for path in (asked.directory / "bundles").iterdir()} - {"current"}


def test_a_second_night_without_news_does_nothing(asked, first, made, hands, worker):
    assert (first.status, first.bundle) == ("published", current(asked))
    assert made[2] == ["prepare", "finetune", "distill", "embed", "train_ranker", "evaluate", "release"]
    assert Served.load(asked.directory) == Served(bundle=first.bundle, night=first.night.name)
    lists = pl.read_parquet(asked.directory / "lists" / "*.parquet")
    assert lists.group_by("user_id").len()["len"].unique().to_list() == [5]
    before = {path: path.stat().st_mtime_ns for path in asked.directory.rglob("*") if path.name != "lock"}
    untried = replace(hands, smoke=lambda bundle: pytest.fail("it is known to be good"))
    assert cycle(asked, untried) == replace(first, status="unchanged")
    after = {path: path.stat().st_mtime_ns for path in asked.directory.rglob("*") if path.name != "lock"}
    assert worker.made == []
    written = {path.name for path in before if before[path] != after.get(path)}
    assert written <= {
        "run.json",
        "cycle",
        "inputs",
        first.night.name,
        "bundles",
    }  # folders, for what came and went in them
    assert before.keys() == after.keys()


def test_new_events_are_published_and_the_encoder_goes_on(asked, first, hands, worker):
    assert RunDirectory.open(first.night).settings.finetune.continual.start == ""
    n = post(asked, 100, 110)
    second = cycle(asked, hands)
    assert second.status == "published"
    assert second.bundle == current(asked) != first.bundle
    bundle = Bundle.load(asked.directory / "bundles" / "current")
    assert bundle.end > START + 109 * DAY
    start = RunDirectory.open(second.night).settings.finetune.continual.start
    assert Path(start) == first.night / "teacher"
    drift = json.loads((second.night / "drift.json").read_text())
    assert drift["events"] == n
    assert read_manifest(asked.directory / "lists", kind="recommendations").parents == {"bundle": second.bundle}
    worker.made.clear()
    assert cycle(asked, hands) == replace(second, status="unchanged")
    assert worker.made == []


def test_the_last_bundles_stay_and_the_nights_that_are_needed(asked, first, hands):
    order, published = replace(asked, keep=1), [first]
    for day in (100, 104):
        post(asked, day, day + 4)
        published.append(cycle(order, hands))
    assert bundles(asked) == {published[2].bundle}
    for kind in ("nights", "inputs"):
        assert {path.name for path in (asked.directory / kind).iterdir()} == {each.night.name for each in published[1:]}
    cycle(order, hands)  # what the last night went on from is there


def test_a_bundle_that_an_experiment_names_stays(asked, first, hands):
    order = replace(asked, keep=1)
    post(asked, 100, 104)
    arms = [{"name": "old", "share": 0.5, "bundle": first.bundle}, {"name": "new", "share": 0.5}]
    with_arms = Experiment.model_validate({"name": "june", "arms": arms})
    store = store_of(None, asked.directory / "bundles")
    store.run_experiment(with_arms.model_dump_json())
    second = cycle(order, hands)
    assert [swap.digest for swap in store.swaps(after=0)] == [second.bundle]
    assert bundles(asked) == {first.bundle, second.bundle}
    store.run_experiment(None)
    cycle(order, hands)
    assert bundles(asked) == {second.bundle}
    assert len(store.swaps(after=0)) == 1
    store.close()


def test_a_few_broken_events_are_set_aside_and_many_stop_the_night(asked, first, hands, worker):
    n = post(asked, 100, 110, item_id=pl.when(pl.col("n") < 5).then(pl.lit("gone")).otherwise("item_id"))
    second = cycle(asked, hands)
    assert second.bundle != first.bundle
    assert pl.read_parquet(asked.directory / "inputs" / second.night.name / QUARANTINE).height == 5 < n / 20
    post(asked, 110, 112, item_id=pl.lit("gone"))
    worker.made.clear()
    with pytest.raises(QualityError, match="not in items"):
        cycle(asked, hands)
    assert (worker.made, current(asked)) == ([], second.bundle)
    assert Served.load(asked.directory).bundle == second.bundle


def test_a_gate_that_says_no_leaves_the_old_bundle(asked, first, hands, worker):
    post(asked, 100, 110)
    strict = settings.changed(asked.settings, ["gate.bundle_mb=0.001"])
    with pytest.raises(GateError) as said:
        cycle(replace(asked, settings=strict), hands)
    assert said.value.exit_code == 3
    assert current(asked) == first.bundle == Served.load(asked.directory).bundle
    assert bundles(asked) == {first.bundle}
    worker.made.clear()
    with pytest.raises(GateError):
        cycle(replace(asked, settings=strict), hands)
    assert worker.made == ["release"]  # asked again, it says no again
    assert cycle(asked, hands).status == "published"


def test_a_worse_encoder_is_stopped_by_the_gate(asked, first, hands, worker):
    post(asked, 100, 110)
    worker.model = onnx.load(worker.encoder / "model.onnx")
    (words,) = worker.model.graph.initializer[:1]
    drawn = np.random.default_rng(0).normal(size=words.dims).astype(np.float32)
    same = onnx.numpy_helper.from_array(drawn[:1] + 1e-3 * drawn, words.name)  # all words mean the same
    words.CopyFrom(same)
    strict = replace(asked, settings=settings.changed(asked.settings, ["gate.published_share=0.95"]))
    with pytest.raises(GateError, match=r"text alone .* against published bundle"):
        cycle(strict, hands)
    assert current(asked) == first.bundle
    assert bundles(asked) == {first.bundle}


def test_a_bundle_that_fails_its_smoke_test_gives_way_to_the_one_before(asked, first, hands, worker):
    post(asked, 100, 110)

    def failing(bundle):
        raise SmokeError("no answer")

    for _ in range(2):
        with pytest.raises(SmokeError, match="no answer"):
            cycle(asked, replace(hands, smoke=failing))
        assert current(asked) == first.bundle == Served.load(asked.directory).bundle
        assert read_manifest(asked.directory / "lists", kind="recommendations").parents == {"bundle": first.bundle}
    worker.made.clear()
    assert cycle(asked, hands).status == "published"
    assert worker.made == ["release"]


def test_a_night_that_was_cut_off_goes_on_where_it_stood(asked, hands, worker):
    worker.spoil = "train_ranker"
    with pytest.raises(KeyboardInterrupt):
        cycle(asked, hands)
    worker.spoil, worker.made = None, []
    first = cycle(asked, hands)
    assert worker.made == ["train_ranker", "evaluate", "release"]
    post(asked, 100, 110)

    def killed(bundle):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cycle(asked, replace(hands, smoke=killed))
    assert current(asked) != first.bundle == Served.load(asked.directory).bundle  # published, and not tried
    tested = []
    second = cycle(asked, replace(hands, smoke=lambda bundle: tested.append(bundle.name)))
    assert tested[0] == second.bundle == current(asked)


def test_an_encoder_that_nothing_newer_came_for_starts_from_the_base(asked, first, hands):
    post(asked, 0, 1, event_id=pl.format("again-{}", "n"), event=pl.lit("view"))  # of the first day: no later end
    with pytest.raises(GateError, match="it may know the answers; bring a longer log"):
        cycle(asked, hands)
    (night,) = set(first.night.parent.iterdir()) - {first.night}
    assert RunDirectory.open(night).settings.finetune.continual.start == ""
    assert current(asked) == first.bundle


def test_two_at_once_are_told(asked, hands, worker):
    with held(asked.directory), pytest.raises(LockedError, match=r"process \d+ of .*, since .* UTC, is at work there"):
        cycle(asked, hands)
    assert worker.made == []


def test_the_processes_of_stages_hold_the_lock_too(asked, monkeypatch):
    held_files = []

    def process(arguments, *, name, threads, inherited):
        held_files.extend(os.fstat(descriptor).st_ino for descriptor in inherited)
        raise StageError(name, 1)

    monkeypatch.setattr(river, "in_own_process", process)
    monkeypatch.setattr(river.signal, "signal", lambda *_: None)
    with pytest.raises(StageError, match="stage prepare ended with exit code 1"):
        cycle(asked)
    assert held_files == [(asked.directory / LOCK).stat().st_ino]
    assert not (asked.directory / "bundles" / "current").is_symlink()


def test_a_log_that_is_none_is_a_mistake(asked, hands, tmp_path):
    with pytest.raises(UsageError, match="Expected --log as the folder of a policy log"):
        cycle(replace(asked, log=tmp_path / "nowhere"), hands)
    assert not asked.directory.exists()
