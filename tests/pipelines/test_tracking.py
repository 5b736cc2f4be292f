"""What is published is told to MLflow once, with all there is to know; no run fails of it, and nobody else hears."""

import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines import cycle, river, tracking
from pipelines.lock import held, passed_on
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys import settings
from recsys.artifacts import read_manifest, verify
from recsys.bundle import Bundle
from recsys.errors import ConfigError
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from tests.pipelines.small_run import LENIENT, resettled, stages

MISSED = r"warning: MLflow at \S+ has not taken bundle [0-9a-f]{12}… \(.+\); the run is complete without it"


@pytest.fixture
def mlflow(monkeypatch):
    """Left out where only some of the `dev` extra is installed; quiet from the first import on."""
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "ERROR")
    return pytest.importorskip("mlflow.tracking")


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path}/told/mlflow.db"


def told_to(run, uri, **others):
    """The run with a gate that lets another release through, and where it is told."""
    return resettled(run, gate=LENIENT | {"slower": 1e8}, tracking={"uri": uri, **others})


def digest(run):
    return (run / "bundles" / "current").resolve().name


def client(mlflow, uri):
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def runs(there):
    experiment = there.get_experiment_by_name("recsys")
    return there.search_runs([experiment.experiment_id])


def test_nobody_is_told_unless_asked_to(run, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    opened = RunDirectory.open(run)
    assert opened.settings.tracking.uri == ""
    tracking.check(opened.settings)
    tracking.track(opened)
    assert capfd.readouterr() == ("", "")


def test_a_version_with_all_there_is_to_know(run, mlflow, uri, tmp_path, capfd):
    opened = told_to(run, uri, model="shop")
    tracking.track(opened)
    assert capfd.readouterr().err == f"tracking: shop version 1 at {uri} is current\n"
    there = client(mlflow, uri)
    version = there.get_model_version_by_alias("shop", "current")
    parents = read_manifest(run / "bundles" / "current", kind="bundle").parents
    assert version.tags == {"sha256": digest(run)} | {f"{name}_sha256": made for name, made in parents.items()}
    found = there.get_run(version.run_id)
    assert (found.info.status, found.data.tags["sha256"]) == ("FINISHED", digest(run))
    assert found.data.params["ranking.trees.trees"] == "20"
    assert found.data.params == tracking.flat(opened.settings)
    evaluation = Evaluation.load(run / "evaluation")
    assert found.data.metrics == tracking.figures(evaluation)
    assert found.data.metrics["recsys/ndcg_10"] == evaluation.methods["recsys"].scores[OVERALL]["ndcg@10"].mean
    files = Path(version.source.removeprefix("file://"))
    assert files.is_relative_to(tmp_path / "told")  # beside the database, wherever the process was
    pages = {path.name: path.read_bytes() for path in files.parent.iterdir() if path.is_file()}
    bundle = run / "bundles" / "current"
    for name in ("model_card.md", "data_card.md", "manifest.json"):
        assert pages.pop(name) == (bundle / name).read_bytes()
    assert pages.pop("metrics.json") == (run / "evaluation" / "metrics.json").read_bytes()
    assert pages.pop("run.json") == (run / "run.json").read_bytes()
    assert b"<svg" in pages.pop("report.html")
    assert pages == {}
    assert verify(files, kind="bundle").digest == Bundle.load(files).digest == digest(run)


def test_it_is_told_once_and_the_alias_follows_what_is_published(run, mlflow, uri):
    opened = told_to(run, uri)
    for _ in range(2):
        tracking.track(opened)
    there = client(mlflow, uri)
    first = digest(run)
    assert [found.tags["sha256"] for found in there.search_model_versions("name = 'recsys'")] == [first]
    assert len(runs(there)) == 1
    stages(run, "release")
    assert digest(run) != first
    assert there.get_model_version_by_alias("recsys", "current").tags["sha256"] == digest(run)
    link = run / "bundles" / "current"
    link.unlink()
    link.symlink_to(first)
    tracking.track(opened)  # back to the one before: no third version
    assert there.get_model_version_by_alias("recsys", "current").version in (1, "1")
    assert len(there.search_model_versions("name = 'recsys'")) == len(runs(there)) == 2


@pytest.mark.parametrize(("stop", "status"), [(KeyboardInterrupt, "KILLED"), (OSError, "FAILED")])
def test_what_was_half_told_is_no_version_and_is_told_again(run, mlflow, uri, monkeypatch, capfd, stop, status):
    def stopped(*_):
        raise stop("in the midst of it")

    opened, there = told_to(run, uri), client(mlflow, uri)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_artifacts", stopped)
        if stop is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                tracking.track(opened)
        else:
            tracking.track(opened)
            assert re.search(MISSED, capfd.readouterr().err)
    assert [found.info.status for found in runs(there)] == [status]
    assert there.search_model_versions("") == []
    tracking.track(opened)
    assert there.get_model_version_by_alias("recsys", "current").tags["sha256"] == digest(run)
    assert sorted(found.info.status for found in runs(there)) == sorted(["FINISHED", status])


class Deaf(http.server.BaseHTTPRequestHandler):
    """Something else that listens there."""

    def do_GET(self):
        body = b"<html>hello</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


def test_a_server_that_is_away_or_another_one_is_a_warning(run, mlflow, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Deaf) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        tracking.track(told_to(run, uri))
        server.shutdown()
    tracking.track(told_to(run, uri))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(re.match(f"  {MISSED}, the same command tells it again.$", line) for line in lines), lines
    assert "Connection refused" in lines[1]


def test_a_database_that_cannot_be_written_is_a_warning_at_once(run, mlflow, uri, tmp_path, capfd):
    (tmp_path / "told").mkdir()
    (tmp_path / "told" / "mlflow.db").write_text("no database at all, but a text that is long enough " * 9)
    tracking.track(told_to(run, uri))
    (tmp_path / "told" / "mlflow.db").unlink()
    monopoly = sqlite3.connect(tmp_path / "told" / "mlflow.db", isolation_level=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking, "_PATIENCE", 0.1)
        monopoly.execute("BEGIN EXCLUSIVE")
        tracking.track(told_to(run, uri))
    monopoly.close()
    told = capfd.readouterr().err.splitlines()
    assert [re.match(f"  {MISSED}", line) is not None for line in told] == [True, True]
    assert "file is not a database" in told[0]
    assert "database is locked" in told[1]


@pytest.mark.parametrize("package", ["mlflow", "sqlalchemy", "alembic"])
def test_a_missing_package_is_told_before_anything_is_made(package, run, uri, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", tracking)
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None if name == package else object())
    told_to(run, uri)
    new = {"data": "nowhere", "directory": tmp_path / "new", "config": None, "until": None}
    order = cycle.Order(
        directory=tmp_path / "nights",
        data="nowhere",
        log=None,
        state=None,
        settings=RunDirectory.open(run).settings,
        keep=1,
        k=5,
    )
    for ask in (
        lambda: river.run(**new, assignments=[f"tracking.uri={uri}"]),
        lambda: river.run_stage("release", run),
        lambda: river.force(run, reason="in a hurry"),
        lambda: cycle.cycle(order),
    ):
        with pytest.raises(ModuleNotFoundError) as missed:
            ask()
        assert missed.value.name == package
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "nights").exists()


def test_a_server_needs_no_database_package(run, monkeypatch):
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: object() if name == "mlflow" else None)
    tracking.check(told_to(run, "http://127.0.0.1:5000").settings)


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("mlruns", "MLflow keeps no folders of files any more"),
        ("file:///srv/mlruns", r"expected http\(s\)://HOST:PORT of an MLflow server, or sqlite:////ABSOLUTE/FILE.db"),
        ("sqlite:///mlflow.db", "sqlite:////ABSOLUTE/FILE.db"),
        ("postgresql://db/mlflow", "other databases stand behind a server"),
        ("https://me:secret@mlflow.shop", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are read"),
    ],
)
def test_an_address_that_cannot_be_told_is_refused(uri, sentence):
    with pytest.raises(ConfigError, match=rf"Setting tracking\.uri: .*{sentence}"):
        settings.load(None, [f"tracking.uri={uri}"])


def test_whoever_releases_tells_it_once(run, uri, monkeypatch):
    told = []
    monkeypatch.setattr(tracking, "check", lambda settings: None)
    monkeypatch.setattr(tracking, "track", lambda opened: told.append(opened.path))
    told_to(run, uri)
    river.run_stage("release", run)
    river.force(run, reason="in a hurry")
    assert told == [run, run]
    with held(run) as lock:  # as a process that a run has begun: the run tells it
        for name, value in passed_on(lock).items():
            monkeypatch.setenv(name, value)
        river.run_stage("release", run)
    assert told == [run, run]


def test_a_run_and_a_night_tell_it_when_all_is_made(asked, hands, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr(tracking, "track", lambda opened: told.append(digest(opened.path)))
    found = cycle.cycle(asked, hands)
    assert told == [found.bundle]
    made: list[Stage] = []
    monkeypatch.setattr(river, "go_through", lambda opened, stages, lock: made.extend(stages))
    monkeypatch.setattr(tracking, "track", lambda opened: told.append(made[-1].name))
    river.run(data=asked.data, directory=tmp_path / "run", config=None, assignments=[], until=None)
    assert told == [found.bundle, "release"]


def test_settings_are_told_flat_and_without_where_they_are_told():
    chosen = settings.load(None, ["tracking.uri=http://here", "task.target=new", "evaluation.lengths=[10, 20]"])
    flat = tracking.flat(chosen)
    assert (flat["task.target"], flat["evaluation.lengths"], flat["seed"]) == ("new", "[10, 20]", "0")
    assert json.loads(flat["data.event_weights"])["purchase"] == chosen.data.event_weights["purchase"]
    assert not [name for name in flat if name.startswith("tracking")]


ALONE = """
import sys
from pathlib import Path
heard = []
sys.addaudithook(lambda event, args: heard.append((event, args[-2:])) if event.startswith("socket.") else None)
from pipelines import tracking
from pipelines.run_directory import RunDirectory
assert not [name for name in sys.modules if name.partition(".")[0] == "mlflow"]
tracking.track(RunDirectory.open(Path(sys.argv[1])))
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.telemetry.client import get_telemetry_client
assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get(), "a server's pages would be told on stdout, which is data"
print(get_telemetry_client(), [event for event, _ in heard if event in ("socket.connect", "socket.getaddrinfo")])
"""


def test_nobody_else_is_told(run, mlflow, uri):
    told_to(run, uri)
    hidden = ("PYTEST", "CI", "GITHUB", "GITLAB", "MLFLOW", "DO_NOT_TRACK")  # with which it would be silent anyway
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", ALONE, str(run)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, cwd=run)
    assert done.stdout == "None []\n", done.stderr
    assert done.stderr == f"tracking: recsys version 1 at {uri} is current\n"
    assert not (run / "mlruns").exists()
