"""Every answer, errors too, tells a browser to be careful."""

import asyncio
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.headers import HEADERS, Headers
from serving.sqlite import SqliteStore

EXPECTED = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/health/live", None, 200),
        ("GET", "/openapi.json", None, 200),
        ("POST", "/v1/recommend", "{}", 422),
        ("POST", "/v1/recommend", "{", 400),
        ("GET", "/v1/nothing", None, 404),
        ("DELETE", "/v1/bundle", None, 405),
        ("POST", "/v1/bundle", '{"name": "no"}', 404),
    ],
)
def test_every_answer_has_them(client: TestClient, method: str, path: str, body: str | None, status: int) -> None:
    sent = {"origin": "https://evil.example", "content-type": "application/json"}
    answer = client.request(method, path, content=body, headers=sent)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_failure_inside_has_them_too(bundle_root: Path, tmp_path: Path) -> None:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end)
    app.state.lane.close()
    with TestClient(app) as client:
        answer = client.post("/v1/recommend", json={"user_id": "u00001"})
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED


def test_an_answer_keeps_its_own() -> None:
    sent: list[dict] = []
    own = (b"Content-Security-Policy", b"default-src 'self'")

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [own]})

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Headers(app)({"type": "http"}, None, send))
    headers = sent[0]["headers"]
    assert headers[0] == own
    assert sorted(name.lower().decode() for name, _ in headers) == sorted(HEADERS), "each once"
