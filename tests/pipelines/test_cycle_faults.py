"""What is worse or broken is not published, what was cut off goes on, and one night at a time is made."""

import os
from dataclasses import replace

import numpy as np
import onnx
import polars as pl
import pytest

from pipelines import river
from pipelines.cycle import cycle
from pipelines.intake import QUARANTINE
from pipelines.lock import LOCK, LockedError, held
from pipelines.river import StageError, run_stage
from pipelines.served import Served
from pipelines.smoke import SmokeError
from recsys import settings
from recsys.artifacts import read_manifest
from recsys.errors import GateError, QualityError, UsageError
from tests.pipelines.small_nights import bundles, current, post


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


def test_a_night_in_which_all_was_set_aside_is_none(asked, first, hands, worker):
    post(asked, 100, 101, event_id=pl.lit("one"), item_id=pl.lit("gone"))
    assert cycle(asked, hands) == replace(first, status="unchanged")
    assert worker.made == []


def test_a_bundle_that_does_not_answer_is_never_current(asked, first, hands, monkeypatch):
    post(asked, 100, 110)

    def failing(bundle):
        assert current(asked) == first.bundle
        raise SmokeError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.release.smoke", failing)
        with pytest.raises(SmokeError, match="no answer"):
            cycle(asked, hands)
    assert current(asked) == first.bundle
    assert bundles(asked) == {first.bundle}
    assert cycle(asked, hands).status == "published"


def test_what_a_killed_night_has_left_is_gone_after_the_next(asked, first, hands):
    left = [asked.directory / "inputs" / ".input-abcdefgh", asked.directory / "bundles" / ".bundle-abcdefgh"]
    for path in left:
        path.mkdir()
    post(asked, 100, 110)
    cycle(asked, hands)
    assert [path for path in left if path.exists()] == []


def test_no_stage_of_a_night_runs_beside_it(asked, first):
    with held(asked.directory), pytest.raises(LockedError, match="is at work there"):
        run_stage("release", first.night)


def test_two_at_once_are_told(asked, hands, worker):
    with held(asked.directory), pytest.raises(LockedError, match=r"process \d+ of .*, since .* UTC, is at work there"):
        cycle(asked, hands)
    assert worker.made == []


def test_the_processes_of_stages_hold_the_lock_too(asked, monkeypatch):
    held_files = []

    def process(arguments, *, name, threads, lock):
        held_files.append(os.fstat(lock).st_ino)
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
