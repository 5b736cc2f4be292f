"""Several real processes behind one port: they share what they know, are started again, and end together."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from recsys.bundle import CURRENT
from recsys.data.policy_log import PolicyLog
from recsys.errors import ArtifactError, RecsysError
from serving.workers import Workers

ROOT = Path(__file__).parents[2]


class Served:
    """`recsys serve` with two workers, its log in a file."""

    def __init__(self, bundle_root: Path, folder: Path, *options: str | Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._log = folder / "log"
        where = ["--bundles", bundle_root, "--state", folder / "state", "--port", self.url.rpartition(":")[2]]
        command = [sys.executable, "-m", "pipelines", "serve", *where, "--clock", "log", "--workers", "2", *options]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def workers(self) -> dict[int, int]:
        """Number → process id of the one that works there now."""
        return {int(number): int(pid) for number, pid in re.findall(r"Worker (\d) is process (\d+)", self.log)}

    def wait(self, until: Callable[[], bool]) -> None:
        for _ in range(2400):
            if until():
                return
            assert self.process.poll() is None, self.log
            time.sleep(0.05)
        raise AssertionError(self.log)

    def answers(self) -> bool:
        """Whether somebody does."""
        try:
            return httpx.get(f"{self.url}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def started(self, times: int) -> bool:
        """Whether so many processes in all have begun to answer."""
        return self.log.count("Application startup complete") >= times

    @contextmanager
    def only(self, number: int) -> Iterator[httpx.Client]:
        """A client that this worker answers: the other sleeps meanwhile."""
        (other,) = (pid for other, pid in self.workers.items() if other != number)
        os.kill(other, signal.SIGSTOP)
        try:
            with httpx.Client(base_url=self.url) as client:
                yield client
        finally:
            os.kill(other, signal.SIGCONT)


@pytest.fixture(scope="module")
def served(bundle_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(bundle_root, tmp_path_factory.mktemp("served"))
    try:
        served.wait(lambda: served.started(2))
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
        served.process.wait()


def test_what_one_was_told_the_other_knows(served: Served) -> None:
    event = {"event_id": "w1", "user_id": "newcomer", "item_id": "i00001", "event": "click"}
    with served.only(1) as client:
        now = client.post("/v1/recommend", json={"user_id": "newcomer"}).json()["as_of"]
        client.post("/v1/events", json={"events": [event | {"timestamp": now}]}).raise_for_status()
    with served.only(2) as client:
        assert [latest["item_id"] for latest in client.get("/v1/users/newcomer").json()["latest"]] == ["i00001"]


def test_all_have_one_clock(served: Served) -> None:
    told = []
    for number in (1, 2, 1):
        with served.only(number) as client:
            told.append(client.post("/v1/recommend", json={"user_id": "u00001"}).json()["as_of"])
    assert told == sorted(told)


def test_one_that_is_killed_is_started_again_and_nobody_waits(served: Served) -> None:
    killed = served.workers[1]
    os.kill(killed, signal.SIGKILL)
    for _ in range(20):  # a request that it had begun is lost; none of these is
        assert httpx.post(f"{served.url}/v1/recommend", json={"user_id": "u00001"}).status_code == 200
    served.wait(lambda: served.workers[1] != killed and served.started(3))
    assert "Worker 1 ended (exit code -9); another starts." in served.log
    with served.only(1) as client:
        assert client.post("/v1/recommend", json={"user_id": "u00001"}).json()["items"]


def test_a_swap_reaches_all(root: Path, tmp_path: Path, without: str, with_rules: str) -> None:
    served = Served(root, tmp_path)
    try:
        served.wait(lambda: served.started(2))
        with served.only(1) as client:
            assert client.get("/v1/bundle").json()["bundle"] == without
            assert client.post("/v1/bundle", json={"name": with_rules}).status_code == 200
        with served.only(2) as client:
            served.wait(lambda: client.get("/v1/bundle").json()["bundle"] == with_rules)
            assert client.post("/v1/recommend", json={"user_id": "u00001"}).json()["bundle"] == with_rules
    finally:
        served.process.terminate()
        served.process.wait(60)


def test_settings_reach_all(bundle_root: Path, tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text("[log]\nfeatures = 1.0\n")
    served = Served(bundle_root, tmp_path, "--settings", tmp_path / "serve.toml", "--log", tmp_path / "policy")
    try:
        served.wait(lambda: served.started(2))
        for number in (1, 2):
            with served.only(number) as client:
                asked = {"user_id": "u00001", "request_id": f"by-{number}"}
                client.post("/v1/recommend", json=asked).raise_for_status()
    finally:
        served.process.terminate()
        served.process.wait(60)
    logged = PolicyLog.load(tmp_path / "policy").features.collect()
    assert set(logged["request_id"]) == {"by-1", "by-2"}  # of one in a hundred, were it not for the settings


def test_a_mistake_in_the_settings_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text("[limits]\nanwers = 1\n")
    command = [sys.executable, "-m", "pipelines", "serve", "--bundles", tmp_path, "--settings", tmp_path / "serve.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    told = f"recsys: Unknown setting limits.anwers in {tmp_path / 'serve.toml'}; did you mean limits.answers?"
    assert (done.returncode, done.stderr.splitlines()) == (2, [told])


def test_sigterm_ends_all_of_them(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0, served.log
    assert "Traceback" not in served.log
    assert not any(Path(f"/proc/{pid}").exists() for pid in served.workers.values())
    assert not served.answers()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_none_outlives_the_one_that_started_it(sent: signal.Signals, bundle_root: Path, tmp_path: Path) -> None:
    served = Served(bundle_root, tmp_path)
    try:
        served.wait(lambda: served.started(2))
        served.process.send_signal(sent)
        assert served.process.wait(60) == {signal.SIGINT: 130, signal.SIGKILL: -9}[sent], served.log
        for _ in range(1200):
            if not any(Path(f"/proc/{pid}").exists() for pid in served.workers.values()):
                break
            time.sleep(0.05)
        else:
            raise AssertionError(served.log)
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()


def test_a_bundle_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    where = ["--bundles", tmp_path, "--state", tmp_path / "state", "--port", "0"]
    command = [sys.executable, "-m", "pipelines", "serve", *where, "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"recsys: Expected a bundle at {tmp_path / CURRENT}, found no man")
    assert "Traceback" not in done.stderr


def _work(ready: Callable[[], None], *, marks: Path, begin: int) -> None:
    """Leaves a mark and is ready the first `begin` times; then cannot begin."""
    attempt = len(list(marks.iterdir()))
    (marks / f"{attempt}-{time.monotonic()}").touch()
    if attempt >= begin:
        raise ArtifactError("no bundle")
    ready()


def test_who_cannot_begin_at_first_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecsysError, match="no bundle"):
        Workers(1, partial(_work, marks=tmp_path, begin=0)).run(lambda: None)


def test_who_cannot_begin_again_is_tried_at_longer_intervals(tmp_path: Path) -> None:
    code = f"""
from functools import partial
from pathlib import Path
from serving.workers import Workers
from tests.serving.test_workers import _work
Workers(1, partial(_work, marks=Path({str(tmp_path)!r}), begin=1)).run(lambda: None)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while len(marks := sorted(tmp_path.iterdir())) < 4 and process.poll() is None:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 0
    at = [float(mark.name.partition("-")[2]) for mark in marks]
    assert at[2] - at[1] >= 1
    assert at[3] - at[2] >= 2
