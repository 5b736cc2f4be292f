import asyncio
import json
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from serving.app import create_app
from serving.guard import BODY, MAX_BODY, Guard, RefusedError, check_json
from serving.limits import Limits
from serving.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "Expected a JSON object as body, could not read it"),
        (b"{", "Expected a JSON object as body, could not read it"),
        (b"{} trailing", "could not read it"),
        (b'{"a": NaN}', "Expected finite numbers, got NaN"),
        (b'{"a": [-Infinity]}', "Expected finite numbers, got -Infinity"),
        (b'{"a": 1e999}', "Expected finite numbers, got 1e999; it is beyond the range of a double"),
        (b'{"k": 1, "k": 2}', "Expected each key once in an object, got 'k' twice"),
        (b'{"filters": {"a": 1, "b": 2, "a": 3}}', "got 'a' twice"),
        (b'{"k": 1, "\\u006b": 2}', "got 'k' twice"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a": "\xff"}', "Expected UTF-8, got an undecodable byte at position 7"),
        ("﻿{}".encode(), "could not read it"),
        ('{"a": 1}'.encode("utf-16"), "Expected UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "could not read it"),
    ],
)
def test_refuses_what_is_not_plain_json(body: bytes, sentence: str) -> None:
    with pytest.raises(RefusedError, match=r"^Expected") as refused:
        check_json(body)
    assert sentence in str(refused.value)
    assert refused.value.status == 400


def test_accepts_what_is_and_says_what_it_is() -> None:
    told = {"a": [{"k": 1}, {"k": -1.5e-3}], "ß": "🎈\u0000", "none": None, "deep": {"k": True}}
    assert check_json(json.dumps(told).encode()) == told
    assert check_json(b"[]") == []


def post(
    chunks: list[bytes], headers: dict[str, str] | None = None, *, method: str = "POST"
) -> tuple[int | None, dict, bytes]:
    """Send chunks through a Guard; (status of a refusal or None, the refusal, the body the app saw)."""
    seen = bytearray()
    sent: list[dict] = []
    waiting = iter([{"type": "http.request", "body": c, "more_body": True} for c in chunks])

    async def app(scope, receive, send) -> None:
        message = await receive()
        while message["type"] == "http.request":
            seen.extend(message["body"])
            if not message["more_body"]:
                break
            message = await receive()

    async def receive() -> dict:
        return next(waiting, {"type": "http.request", "body": b"", "more_body": False})

    async def send(message: dict) -> None:
        sent.append(message)

    wanted = {"content-type": "application/json"} if headers is None else headers
    scope = {
        "type": "http",
        "method": method,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in wanted.items()],
    }
    asyncio.run(Guard(app)(scope, receive, send))
    if not sent:
        return None, {}, bytes(seen)
    assert not seen, "a refused body reached the app"
    return sent[0]["status"], json.loads(sent[1]["body"]), b""


def test_the_app_sees_the_whole_body_once() -> None:
    assert post([b'{"a"', b": ", b"1}"]) == (None, {}, b'{"a": 1}')


def test_a_body_of_exactly_the_limit_passes_and_one_more_byte_does_not() -> None:
    body = b'"' + b"a" * (MAX_BODY - 2) + b'"'
    assert post([body[:1000], body[1000:]])[0] is None
    status, refusal, _ = post([body[:1000], body[1000:], b" "])
    assert status == 413
    assert refusal["detail"] == f"Expected a body of at most {256 * 1024} bytes, got more; send fewer items."


def test_a_declared_length_is_refused_before_reading() -> None:
    status, _, _ = post([], {"content-type": "application/json", "content-length": str(MAX_BODY + 1)})
    assert status == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "", "0x10", "٣"])
def test_a_length_that_is_no_number(length: str) -> None:
    header = length.encode().decode("latin-1")
    assert post([b"{}"], {"content-type": "application/json", "content-length": header})[0] == 400


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "Expected Content-Type application/json, got none."),
        ({"content-type": "text/plain"}, "Expected Content-Type application/json, got text/plain."),
        ({"content-type": "multipart/form-data; boundary=x"}, "got multipart/form-data."),
        (
            {"content-type": "application/json", "content-encoding": "gzip"},
            "Expected a body without Content-Encoding, got gzip.",
        ),
    ],
)
def test_other_types_are_415(headers: dict[str, str], sentence: str) -> None:
    status, refusal, _ = post([b"{}"], headers)
    assert status == 415
    assert refusal["detail"].endswith(sentence)


def test_a_charset_is_no_other_type() -> None:
    assert post([b"{}"], {"content-type": "Application/JSON; charset=utf-8"})[0] is None


def test_reading_requests_pass_untouched() -> None:
    assert post([b"not json"], {}, method="GET") == (None, {}, b"not json")


def test_of_a_body_that_no_route_takes_nothing_is_said() -> None:
    asked = []

    async def app(scope, receive, send) -> None:
        asked.append(scope["path"])

    scope = {"type": "http", "method": "POST", "path": "/nowhere", "headers": []}
    asyncio.run(Guard(app, takes=lambda scope: scope["path"] != "/nowhere")(scope, None, None))
    assert asked == ["/nowhere"]


def test_what_was_read_is_handed_on_beside_the_body() -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append((scope[BODY], (await receive())["body"]))

    async def receive() -> dict:
        return {"type": "http.request", "body": b'{"a": [1]}', "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    asyncio.run(Guard(app)(scope, receive, None))
    assert seen == [({"a": [1]}, b'{"a": [1]}')]


def slowly(app: ASGIApp, *, pause: float, chunks: int) -> list[dict]:
    """What is answered to a body that comes in pieces, a pause before each but the first."""
    sent: list[dict] = []
    left = iter(range(chunks))

    async def receive() -> dict:
        n = next(left)
        await asyncio.sleep(pause if n else 0)
        return {"type": "http.request", "body": b"{" if n == 0 else b" ", "more_body": True}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/rank",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_body_that_comes_too_slowly_is_408_and_ends_its_connection() -> None:
    async def app(scope, receive, send) -> None:
        raise AssertionError("half a body reached the app")

    for pause, chunks in ((60, 2), (0.02, 1000)):  # however steadily
        start, body = slowly(Guard(app, seconds=0.1), pause=pause, chunks=chunks)
        assert start["status"] == 408
        assert dict(start["headers"])[b"connection"] == b"close"
        told = json.loads(body["body"])["detail"]
        assert told == "Expected a whole body within 0.1 s, got a part of it; send it faster, or less."


def test_the_service_waits_as_long_as_its_limits_say(bundle_root: Path, tmp_path: Path) -> None:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), limits=Limits(body_seconds=0.1))
    assert slowly(app, pause=60, chunks=2)[0]["status"] == 408
    assert Limits().body_seconds == 10
