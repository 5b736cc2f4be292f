"""No text and no id of a user reaches an operational log, whatever is sent and whatever fails; nor another's answer."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
MARK = "zqx"
"""In every id and text that is sent, and nowhere else."""

SERVER = """
import logging, sqlite3, sys
from pathlib import Path
from serving.run import run
from serving.site import Site
from serving.service import Service
from recsys.retrieval.onnx import OnnxEncoder
from serving.sqlite import SqliteStore
from serving.store import StoreError

logging.basicConfig(level=logging.DEBUG)
recommend, past, warm_up, encode = Service.recommend, SqliteStore.past, Service.warm_up, OnnxEncoder.encode

def reads(encoder, texts, **how):
    if any("unreadable" in text for text in texts):
        raise ValueError(f"cannot read {texts!r}")
    return encode(encoder, texts, **how)

def fails(service, query, **how):
    if query.user_id and "fail" in query.user_id:
        try:
            raise KeyError(query.user_id)
        except KeyError as error:
            raise RuntimeError(f"cannot rank for {query!r}") from error
    return recommend(service, query, **how)

def is_down(store, user_id, *, since):
    if "down" in user_id:
        raise StoreError("Cannot use the state: disk I/O error; nothing was changed.")
    return past(store, user_id, since=since)

def repeats(service, requests=()):
    if requests:
        raise ValueError(f"cannot answer {requests!r}")
    return warm_up(service)

Service.recommend, SqliteStore.past, Service.warm_up, OnnxEncoder.encode = fails, is_down, repeats, reads
run(Site(bundles=Path(sys.argv[1]), state=sys.argv[2]), host="127.0.0.1", port=0, clock="log")
"""


@pytest.fixture(scope="module")
def server(bundle_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A process whose loggers all speak at DEBUG; its address, and the file of what they say."""
    folder = tmp_path_factory.mktemp("server")
    log = folder / "log"
    with log.open("wb") as f:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(bundle_root), str(folder / "state")], cwd=ROOT, stderr=f, stdout=f
        )
    for _ in range(600):
        if "Listening on " in (said := log.read_text()):
            break
        assert process.poll() is None, said
        time.sleep(0.05)
    yield said.partition("Listening on ")[2].split()[0], log
    process.kill()
    process.wait()


def mark(what: str) -> str:
    return f"{MARK}-{what}"


EVENT = {
    "event_id": mark("event"),
    "user_id": mark("user"),
    "item_id": mark("item"),
    "event": "click",
    "timestamp": "2010-01-01T00:00:00Z",
    "request_id": mark("request"),
}
ASKED = {"user_id": mark("user"), "request_id": mark("request"), "context": {mark("device"): mark("phone")}}


def requests() -> Iterator[tuple[str, str, object]]:
    """Method, path, and a body or its bytes: right ones, wrong ones, and ones that make the server fail."""
    yield "POST", "/v1/recommend", ASKED
    yield "POST", "/v1/recommend", ASKED | {"explain": True, "filters": {"category": {"any": [mark("category")]}}}
    yield "POST", "/v1/rank", ASKED | {"item_ids": [mark("item"), "i00001"]}
    yield "POST", "/v1/recommend", {"history": [{"item_id": mark("item"), "event": "click"}]}
    yield "POST", "/v1/events", {"events": [EVENT]}
    yield "POST", "/v1/events", {"events": [EVENT | {"item_id": "i00001"}]}  # 409
    yield "POST", "/v1/events", {"events": [EVENT | {"event_id": mark("late"), "timestamp": "9999-01-01T00:00:00Z"}]}
    yield "GET", f"/v1/users/{mark('user')}", None
    yield "GET", f"/v1/users/{mark('down')}", None  # 503
    yield "DELETE", f"/v1/users/{mark('user')}", None
    yield (
        "PUT",
        f"/v1/items/{mark('item')}",
        {"title": mark("title"), "tags": [mark("tag")], "brand": mark("unreadable")},
    )
    yield "PUT", f"/v1/items/{mark('item')}", {"title": mark("title"), "price": mark("price")}  # 422
    yield "GET", f"/v1/items/{mark('item')}/similar", None
    yield "DELETE", f"/v1/items/{mark('item')}", None
    yield "GET", f"/v1/{mark('path')}?{mark('query')}=1", None
    yield mark("METHOD").upper(), "/v1/rank", None
    yield "PATCH", f"/v1/items/{mark('item')}", None
    yield "POST", "/v1/bundle", {"name": mark("bundle")}
    yield "POST", "/v1/bundle", {"name": "current"}  # its trial fails, with what was asked before in its message
    yield "POST", "/v1/recommend", ASKED | {"user_id": mark("fail")}  # 500
    yield "POST", "/v1/recommend", ASKED | {"user_id": mark("down")}  # degraded
    yield "POST", "/v1/recommend", ASKED | {mark("field"): mark("value")}
    yield "POST", "/v1/recommend", ASKED | {"k": mark("value")}
    for body in (
        f'{{"{MARK}": NaN}}',
        f'{{"{MARK}',
        f'{{"{MARK}": 1, "{MARK}": 2}}',
        f'"{MARK}" {MARK}',
        f"{MARK}\xff",
    ):
        yield "POST", "/v1/recommend", body.encode("latin-1")


def test_nothing_of_a_request_is_in_the_log(server: tuple[str, Path]) -> None:
    url, log = server
    codes = set()
    with httpx.Client(
        base_url=url, headers={"x-request-id": f"{mark('header')} {MARK}", "user-agent": mark("agent")}
    ) as client:
        for method, path, body in requests():
            content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            answer = client.request(method, path, content=content, headers={"content-type": "application/json"})
            codes.add(answer.status_code)
    assert {200, 400, 404, 405, 409, 422, 500, 503} <= codes
    expected = (
        "POST /v1/recommend failed: RuntimeError at ",
        "; after KeyError at ",
        "Cannot use the state: disk I/O error",
        "An answer without what was posted",
        "cannot answer: ValueError at ",
        "Items are put without a vector, the encoder fails: ValueError",
    )
    for _ in range(200):  # lines are written a moment later
        said = log.read_text()
        if all(line in said for line in expected):
            break
        time.sleep(0.05)
    assert [line for line in expected if line not in said] == [], "this much the log has to tell"
    assert MARK not in said.lower()


def test_what_a_client_is_told_of_an_error_is_what_it_has_sent(server: tuple[str, Path]) -> None:
    with httpx.Client(base_url=server[0]) as client:
        client.post("/v1/recommend", json={"user_id": mark("other")})
        for _, path, body in requests():
            if not isinstance(body, dict):
                continue
            answer = client.post(path, json=body)
            sent = json.dumps(body) + path
            if answer.status_code >= 400:
                told = answer.json()["detail"].replace("'", " ").replace(".", " ").split()
                assert [word for word in told if MARK in word and word.strip(",:;…") not in sent] == [], answer.text


def test_a_request_that_is_no_http_is_not_repeated(server: tuple[str, Path]) -> None:
    url, log = server
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(f"{MARK} {MARK}\r\nx-{MARK}: \0\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 400")
    assert MARK not in log.read_text().lower()
