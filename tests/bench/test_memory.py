"""Memory is read of all that a process started, and stages are made anew in a copy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.run_directory import RunDirectory
from recsys import settings
from recsys.data.config import QualityConfig, SplitConfig
from recsys.data.formats import read_directory
from recsys.data.quality import clean
from recsys.data.split import TimeSplit
from tests.bench import large_shop, memory
from tests.pipelines.small_run import opened, put, put_student, stages

HUNGRY = """
import subprocess, sys, time
held = bytearray(64 << 20)
for page in range(0, len(held), 4096):
    held[page] = 1
if sys.argv[1:]:
    subprocess.run([sys.executable, *sys.orig_argv[1:3]], check=True)
time.sleep(1.5)
"""


@pytest.mark.parametrize(("arguments", "processes"), [([], 1), (["again"], 2)])
def test_a_peak_is_of_all_processes_together(arguments, processes, monkeypatch):
    monkeypatch.setattr(memory, "EVERY", 0.05)
    peak = memory.peak_of(subprocess.Popen([sys.executable, "-c", HUNGRY, *arguments]))
    assert 64 * processes < peak.own < 64 * processes + 40
    assert peak.own <= peak.pss
    assert 64 < peak.largest < 64 + 40
    assert peak.seconds > 1.5


def test_what_fails_stops_everything():
    with pytest.raises(SystemExit, match="ended with exit code 7"):
        memory.peak_of(subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]))


@pytest.fixture
def run(shop, toy_encoder, tmp_path):
    """A run whose next stage is embed."""

    def log(work):
        shop.interactions.save(work)
        TimeSplit.of(shop.interactions, SplitConfig()).save(work)

    path = tmp_path / "run"
    opened(path)
    put(path, "catalog", shop.catalog.save)
    put(path, "interactions", log)
    put_student(path, shop, toy_encoder)
    stages(path, "embed")
    return path


def test_a_stage_of_a_copy_is_made_anew_with_other_settings(run, tmp_path, monkeypatch, capsys):
    before = (run / "index" / "manifest.json").read_bytes()
    given = ["memory", "--run", str(run), "--stages", "embed", "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", [*given, "--set", "retrieval.similar_items=7"])
    memory.main()
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["stage", "pss", "own", "largest", "seconds"]
    name, *figures = line.split()
    assert name == "embed"
    assert all(float(figure) > 0 for figure in figures)
    made = tmp_path / "work" / "run"
    assert RunDirectory.open(made).settings.retrieval.similar_items == 7
    assert json.loads((made / "index" / "manifest.json").read_text())["config"]["retrieval"]["similar_items"] == 7
    assert (run / "index" / "manifest.json").read_bytes() == before


def test_a_large_shop_has_as_many_events_a_user_whatever_its_size(tmp_path):
    data, assignments = large_shop.written(tmp_path / "shop", events=4000, items=60)
    assert settings.load(None, assignments).finetune.max_steps == 2
    log = clean(read_directory(Path(data)), QualityConfig())
    assert (log.events.height, log.events["item_id"].n_unique(), log.rejects.height) == (4000, 60, 0)
    assert log.events["user_id"].n_unique() == pytest.approx(4000 / large_shop.EVENTS_A_USER, rel=0.1)
