"""The log's chores by another process: the same files, the same sentences, and an end with who asked."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from serving import beside
from serving.beside import Beside
from serving.journal import Journal, LogConfig
from serving.keeping import Chores, forgotten_by
from serving.record import post_line
from serving.segment import alone
from serving.sqlite import SqliteStore
from serving.store import Event
from tests.serving.conftest import eventually

ROOT = Path(__file__).parents[2]


def post(n: int, user_id: str = "ann") -> bytes:
    return post_line([Event(event_id=f"e{n}", user_id=user_id, item_id="i", event="view", at=5)], at=5)


def events(log: Path) -> list[str]:
    return sorted(name for file in (log / "events").glob("*") for name in pl.read_parquet(file)["event_id"])


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "state")


@pytest.fixture
def log(tmp_path: Path, store: SqliteStore) -> Journal:
    config = LogConfig(rotate_seconds=0.001)
    keeper = Beside(tmp_path / "log", str(tmp_path / "state"))
    return Journal(tmp_path / "log", forgotten=forgotten_by(store), config=config, keeper=keeper)


def test_what_is_due_becomes_parquet_in_another_process(tmp_path: Path, log: Journal) -> None:
    log.append(post(1))
    time.sleep(0.002)
    log.tick()
    assert events(tmp_path / "log") == ["e1"]
    log.append(post(2))
    log.close()
    assert events(tmp_path / "log") == ["e1", "e2"]


def test_an_erased_user_is_in_no_file_and_what_they_did_before_in_no_new_one(
    tmp_path: Path, log: Journal, store: SqliteStore
) -> None:
    log.append(post(1))
    log.append(post(2, "bob"))
    time.sleep(0.002)
    log.tick()
    store.forget("ann", now=10)
    log.append(post(3))
    log.erase("ann")
    assert events(tmp_path / "log") == ["e2"]


@pytest.fixture
def stuck(tmp_path: Path, log: Journal, monkeypatch: pytest.MonkeyPatch) -> threading.Thread:
    """A tick whose other process comes to no end."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 1000\n")
    slow.chmod(0o755)
    monkeypatch.setattr(beside.sys, "executable", str(slow))
    log.append(post(1))
    time.sleep(0.002)
    ticking = threading.Thread(target=log.tick)
    ticking.start()
    assert eventually(lambda: log._keeper._process is not None)
    return ticking


def test_an_erased_user_does_not_wait_for_it(
    tmp_path: Path, log: Journal, stuck: threading.Thread, caplog: pytest.LogCaptureFixture
) -> None:
    log.append(post(2, "bob"))
    log.erase("ann")
    stuck.join()
    assert events(tmp_path / "log") == ["e2"]
    assert caplog.messages == []


def test_where_there_is_nothing_to_do_no_process_is_started(
    tmp_path: Path, log: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(post(1))
    log.tick()
    monkeypatch.setattr(beside.sys, "executable", "/nowhere")
    assert Beside(tmp_path / "log", str(tmp_path / "state")).keep(Chores(seconds=0), lambda: None)


def test_while_others_do_it_no_process_is_started(
    tmp_path: Path, log: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log.append(post(1))
    time.sleep(0.002)
    with alone(tmp_path / "log" / "lock", seconds=0), monkeypatch.context() as none:
        none.setattr(beside.sys, "executable", "/nowhere")
        log.tick()
        assert not Beside(tmp_path / "log", str(tmp_path / "state")).keep(Chores(seconds=0), lambda: None)
    assert caplog.messages == []
    assert events(tmp_path / "log") == []
    log.tick()
    assert events(tmp_path / "log") == ["e1"]


def test_what_fails_is_told_here(tmp_path: Path, log: Journal, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "log" / "segments" / "1-1-ab.jsonl").write_bytes(post(1) + b"{\n" + post(2))
    log.tick()
    assert caplog.messages == ["1 of 3 lines of the policy log cannot be read; is the disk well?"]
    assert events(tmp_path / "log") == ["e1", "e2"]
    (tmp_path / "state").rename(tmp_path / "gone")
    (tmp_path / "state").mkdir()
    log.append(post(3))
    time.sleep(0.002)
    log.tick()
    assert caplog.messages[1].startswith("The policy log cannot be archived: Cannot use the state in ")


def test_a_process_that_cannot_be_started_or_is_killed_is_a_sentence(
    log: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(beside.sys, "executable", "/bin/false")
    log.append(post(1))
    time.sleep(0.002)
    log.tick()
    told = "The policy log cannot be archived: the process that does it ended with exit code 1"
    assert caplog.messages == [told]


_ASKING = """
import sys
from pathlib import Path
from serving.beside import Beside
from serving.keeping import Chores
Beside(Path(sys.argv[1]), sys.argv[2]).keep(Chores(seconds=1000, before=0), lambda: None)
"""


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


_REFUSED = """
import os, sys
from serving import beside
def told(what, then):
    def tell(*args):
        with open(sys.argv[1], "a") as file:
            print(what, file=file)
        return then(*args)
    return tell
def refuse(by):
    raise PermissionError(by)
beside.store_at = told("opened", beside.store_at)
os.nice = told("nice", refuse)
beside.main()
"""


def test_it_is_nice_once_the_state_is_open_and_archives_also_where_it_may_not_be(
    tmp_path: Path, log: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "refused.py").write_text(_REFUSED)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{tmp_path}/refused.py' '{tmp_path}/told'\n")
    python.chmod(0o755)
    monkeypatch.setattr(beside.sys, "executable", str(python))
    log.append(post(1))
    time.sleep(0.002)
    log.tick()
    assert caplog.messages == []
    assert events(tmp_path / "log") == ["e1"]
    assert (tmp_path / "told").read_text().split() == ["opened", "nice"]


def test_it_waits_for_all_others_and_ends_with_who_asks(tmp_path: Path, log: Journal) -> None:
    with alone(tmp_path / "log" / "lock", seconds=0):  # it has to wait
        asking = subprocess.Popen(
            [sys.executable, "-c", _ASKING, str(tmp_path / "log"), str(tmp_path / "state")], cwd=ROOT
        )
        assert eventually(lambda: len(children(asking.pid)) == 1)
        (pid,) = children(asking.pid)
        mildest = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 19)
        assert eventually(lambda: os.getpriority(os.PRIO_PROCESS, pid) == mildest)
        assert os.sched_getscheduler(pid) == os.sched_getscheduler(0)
        asking.send_signal(signal.SIGKILL)
        asking.wait()
        assert eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def test_who_ends_the_service_does_not_wait_for_it_either(
    tmp_path: Path, log: Journal, stuck: threading.Thread, caplog: pytest.LogCaptureFixture
) -> None:
    log.stop()
    stuck.join()
    log.tick()  # nothing is begun any more
    assert events(tmp_path / "log") == []
    log.close()
    assert events(tmp_path / "log") == ["e1"]
    assert caplog.messages == []
