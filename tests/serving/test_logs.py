"""Lines: one a request, nothing of a user in them, and nobody waits for who reads them."""

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.logs import WAITING, Form, Lines, line_of_json, line_of_text, to_stderr, visited
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.visit import Visit

ROOT = Path(__file__).parents[2]
LOG = logging.getLogger("serving.test")


@pytest.fixture
def client(bundle_root: Path, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_request_is_a_line(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    with to_stderr("json"):
        got = client.post("/v1/recommend", json={"user_id": "u00001"}, headers={"X-Request-ID": "r-1"}).json()
        client.get("/v1/users/nobody")
        client.get("/no/such/path")
    answered, unknown, lost = lines(capfd)
    assert answered.pop("time").endswith("Z")
    assert 0 < answered.pop("ms") < 60_000
    assert answered == {
        "level": "INFO",
        "logger": "serving.logs",
        "message": "request",
        "request": "r-1",
        "method": "POST",
        "route": "/v1/recommend",
        "status": 200,
        "arm": "default",
        "bundle": got["bundle"][:12],
        "degraded": [],
    }
    assert (unknown["route"], unknown["status"]) == ("/v1/users/{user_id}", 404)
    assert (lost["route"], lost["status"]) == (None, 404)


def test_probes_are_silent(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    with to_stderr("json"):
        for path in ("/health/live", "/health/ready", "/metrics"):
            client.get(path)
    assert lines(capfd) == []


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_of_a_user_is_in_the_lines(
    client: TestClient, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    capfd.readouterr()
    secret = uuid.uuid4().hex
    event = {"event_id": secret, "user_id": secret, "item_id": secret, "event": "view", "timestamp": 0}

    def broken(_service: Service, query: object, **_how: object) -> None:
        raise KeyError(repr(query))

    with to_stderr(form):
        client.post("/v1/recommend", json={"user_id": secret, "request_id": secret})
        client.post("/v1/rank", json={"user_id": secret, "item_ids": [secret, "i00001"]})
        client.post("/v1/rank", json={"user_id": secret, secret: 1})
        client.post("/v1/events", json={"events": [event]})
        client.get(f"/v1/users/{secret}?name={secret}")
        client.delete(f"/v1/users/{secret}")
        client.get(f"/{secret}", headers={"X-Request-ID": f"{secret} {secret}", "User-Agent": secret})
        client.post("/v1/bundle", json={"name": secret})
        monkeypatch.setattr(Service, "rank", broken)
        client.post("/v1/rank", json={"user_id": secret, "item_ids": [secret]})
        try:
            broken(client, secret)
        except KeyError:
            LOG.exception("it broke")
    told = capfd.readouterr().err
    assert len(told.splitlines()) == 11  # one each, one for where it failed, one of ours
    assert secret not in told
    assert "KeyError" in told
    assert "test_logs.py:" in told


def test_a_line_of_text() -> None:
    record = LOG.makeRecord(LOG.name, logging.WARNING, "", 0, "two\nlines of %s", ("\ud800",), None)
    record.created = 0.25
    record.fields = {"status": 200, "route": "/v1/rank"}
    assert line_of_text(record) == (
        rb"1970-01-01T00:00:00.250Z WARNING serving.test two lines of \ud800 status=200 route=/v1/rank" + b"\n"
    )


def test_a_line_of_json_is_one_line_whatever_is_in_it() -> None:
    record = LOG.makeRecord(LOG.name, logging.ERROR, "", 0, 'a\n"b" \ud800', (), None)
    record.created = 0.0
    line = line_of_json(record)
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "ERROR",
        "logger": "serving.test",
        "message": 'a\n"b" \\ud800',
    }


def test_a_line_that_cannot_be_written_does_not_end_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    handler = Lines(line_of_json)
    for args in (("one",), ("one", "two")):
        handler.emit(LOG.makeRecord(LOG.name, logging.INFO, __file__, 7, "%s and %s", args, None))
    handler.close()
    first, second = lines(capfd)
    assert first["message"].endswith("a line that cannot be written (TypeError)")
    assert "test_logs.py:7:" in first["message"]
    assert second["message"] == "one and two"


def test_others_speak_from_a_warning_on(capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    with to_stderr("json"):
        logging.getLogger("somebody.else").info("chatter")
        logging.getLogger("somebody.else").warning("a warning")
        LOG.info("ours")
        LOG.debug("too much")
    assert [line["message"] for line in lines(capfd)] == ["a warning", "ours"]
    LOG.info("after the end")
    assert lines(capfd) == []


def test_nobody_waits_for_who_reads() -> None:
    reading, writing = os.pipe()
    handler = Lines(line_of_json, to=writing)
    began, sent = threading.Event(), []

    def flood() -> None:
        while len(sent) < 3 * WAITING or not handler._dropped:  # it may keep up until the pipe is full
            sent.append(LOG.makeRecord(LOG.name, logging.INFO, "", 0, "x" * 100, (), None))
            handler.emit(sent[-1])
        began.set()

    threading.Thread(target=flood, daemon=True).start()
    assert began.wait(60), "a full pipe holds up those who log"
    handler.close()
    got = b""
    while b"were dropped" not in got:  # the thread goes on as soon as somebody reads
        assert select.select([reading], [], [], 20)[0], "no word of what was dropped"
        got += os.read(reading, 1 << 16)
    told = [json.loads(line)["message"] for line in got.splitlines()[-1:]]
    assert told[0].endswith("lines were dropped: whoever reads stderr is too slow")
    assert WAITING <= got.count(b"xxx") / 33 + 1 <= len(sent)
    os.close(reading)


def test_a_closed_pipe_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    handler = Lines(line_of_json, to=writing)
    handler.emit(LOG.makeRecord(LOG.name, logging.INFO, "", 0, "nobody hears", (), None))
    handler.close()
    os.close(writing)


def test_the_end_waits_for_a_stuck_reader_a_moment_only() -> None:
    code = """
import logging
from serving.logs import to_stderr
with to_stderr("json"):
    for _ in range(5000):
        logging.getLogger("serving").info("x" * 100)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    assert process.wait(60) == 0  # with nobody reading, 64 KB fit into the pipe
    process.communicate()


def test_a_failed_request_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "serving")
    for status in (200, 404, 503):
        visited(Visit(request_id="r", method="GET", route="/v1/bundle", status=status, ended=time.perf_counter_ns()))
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "ERROR"]
