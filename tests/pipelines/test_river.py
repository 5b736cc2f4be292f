"""Whoever writes to a run is alone there."""

import os

import pytest

from pipelines import make_variants, river, student_bench
from pipelines.lock import LockedError, held
from pipelines.river import force, run_stage
from pipelines.run_directory import RunDirectory
from pipelines.stages import chosen
from recsys.data.synthetic import make_world
from recsys.errors import UsageError
from tests.pipelines.small_run import contents, opened

SHOP = {"config": None, "assignments": (), "until": None}


@pytest.fixture(scope="module")
def shop_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    make_world(n_users=60, n_items=48).write(folder)
    return folder


def test_every_writer_is_told_who_is_at_work(run, shop_files, monkeypatch):
    opened(run, slower=1e8)
    before, body = contents(run / "bundles"), (run / "run.json").read_bytes()
    monkeypatch.setattr(student_bench.students, "shape", lambda opened: (1, 16))
    order = student_bench.Order(run=run, assignments=(), rounds=1)
    writers = [
        lambda: run_stage("release", run),
        lambda: force(run, reason="in a hurry"),
        lambda: river.run(data=str(shop_files), directory=run, **SHOP),
        lambda: student_bench.student(order, (), form="json"),
        lambda: student_bench.prune(order, ("0.1",), form="json"),
        lambda: make_variants.run(run, run / ".work" / "variants-x"),
    ]
    with held(run):
        for write in writers:
            with pytest.raises(LockedError, match=rf"but process {os.getpid()} of .* is at work there"):
                write()
    assert (contents(run / "bundles"), (run / "run.json").read_bytes()) == (before, body)
    run_stage("release", run)
    assert contents(run / "bundles") != before


def test_a_run_holds_the_lock_and_its_processes_share_it(shop_files, tmp_path, monkeypatch):
    asked = []

    def process(arguments, *, name, threads, lock):
        asked.append(name)
        assert os.path.samestat(os.fstat(lock), (tmp_path / "run" / "lock").stat())
        with pytest.raises(LockedError), held(tmp_path / "run"):
            pytest.fail("nobody holds it")

    monkeypatch.setattr(river, "in_own_process", process)
    monkeypatch.setattr(river.signal, "signal", lambda *_: None)
    river.run(data=str(shop_files), directory=tmp_path / "run", **SHOP)
    stages = chosen(RunDirectory.open(tmp_path / "run").settings)
    assert asked == [f"stage {stage.name}" for stage in stages]
    with held(tmp_path / "run"):
        pass


def test_a_stage_in_a_process_of_its_own_is_let_in_by_its_run(shop_files, tmp_path, monkeypatch):
    monkeypatch.setattr(river.signal, "signal", lambda *_: None)
    run = RunDirectory(
        path=tmp_path / "run", source=str(shop_files), source_digest="0", until=None, settings=opened(tmp_path).settings
    )
    run.save()
    prepare = chosen(run.settings)[0]
    with held(run.path) as lock:
        river.go_through(run, [prepare], lock=lock)
    assert run.is_made(prepare)


def test_no_run_is_told_before_a_lock_is_made(tmp_path):
    for ask in (lambda: run_stage("embed", tmp_path / "none"), lambda: force(tmp_path / "none", reason="why")):
        with pytest.raises(UsageError, match="Expected a run at"):
            ask()
    assert list(tmp_path.iterdir()) == []
