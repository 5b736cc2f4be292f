"""Nights of a small shop: nothing new is nothing to do, what is new is published and goes on from what was."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipelines.cycle import cycle
from pipelines.intake import QUARANTINE
from pipelines.run_directory import RunDirectory
from pipelines.served import Served
from recsys.artifacts import read_manifest
from recsys.bundle import Bundle
from recsys.data.split import TimeSplit
from recsys.data.synthetic import START
from recsys.schema import DAY
from serving.experiments import Experiment
from serving.site import opened as store_of
from tests.pipelines.small_nights import bundles, current, post, read_texts


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


def test_events_of_old_days_move_no_window_back_and_the_encoder_starts_from_the_base(asked, first, hands):
    before = TimeSplit.load(first.night / "interactions")
    post(asked, 0, 1, event_id=pl.format("again-{}", "n"), event=pl.lit("view"))  # the quantiles go back
    second = cycle(asked, hands)
    assert second.status == "published"
    assert TimeSplit.load(second.night / "interactions") == before
    assert RunDirectory.open(second.night).settings.finetune.continual.start == ""
    assert cycle(asked, hands) == replace(second, status="unchanged")


def test_an_item_that_was_put_is_in_the_next_bundles_and_its_text_alone_is_read(asked, first, hands, capfd):
    post(asked, 100, 104, item_id=pl.when(pl.col("n") < 9).then(pl.lit("new")).otherwise("item_id"))
    store = store_of(None, asked.directory / "bundles")
    store.change_items({"new": '{"title": "red drum"}', "i00003": None})
    second = cycle(asked, hands)
    assert read_texts(capfd) == [("1", "49")]
    assert pl.read_parquet(asked.directory / "inputs" / second.night.name / QUARANTINE).is_empty()
    bundle = Bundle.load(asked.directory / "bundles" / "current")
    row = bundle.catalog.vocabulary.encode(["new"])
    assert bundle.catalog.items["title"][int(row[0])] == "red drum"
    assert (bundle.snapshot.item_idx == row[0]).sum() == 9
    assert "i00003" not in pl.read_parquet(asked.directory / "lists" / "*.parquet")["item_id"]
    assert cycle(asked, hands) == replace(second, status="unchanged")
    post(asked, 104, 108)
    third = cycle(asked, hands)
    assert (third.status, read_texts(capfd)) == ("published", [("0", "49")])
    assert "new" in Bundle.load(asked.directory / "bundles" / "current").catalog.vocabulary.ids
    store.change_items({"new": '{"title": "red drum and sticks"}'})
    assert (cycle(asked, hands).status, read_texts(capfd)) == ("published", [("1", "49")])
    store.close()
