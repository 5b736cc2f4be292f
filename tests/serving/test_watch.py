"""Every request has an id and is told once when it has ended, whatever became of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.visit import Visit

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RANK = {"user_id": "u00001", "item_ids": ["i00001"]}


@pytest.fixture
def visits() -> list[Visit]:
    return []


@pytest.fixture
def app(bundle_root: Path, tmp_path: Path, visits: list[Visit]) -> FastAPI:
    return create_app(bundle_root, store=SqliteStore(tmp_path / "state"), watchers=[visits.append])


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def named(client: TestClient, given: str | bytes) -> str:
    return client.get("/health/live", headers=[(b"X-Request-ID", given)]).headers["X-Request-ID"]


def test_an_id_that_is_one_is_kept(client: TestClient, visits: list[Visit]) -> None:
    for given in ("a", "A-b_c.9", "x" * 64):
        assert named(client, given) == given
        assert visits[-1].request_id == given


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "a b", "a/b", "a\tb", "a;b", "ü".encode(), "a\u0130".encode(), b"a\x80"]
)
def test_another_is_replaced(client: TestClient, given: str | bytes) -> None:
    assert UUID.fullmatch(named(client, given))


def test_without_one_each_request_gets_its_own(client: TestClient) -> None:
    ids = {client.get("/health/live").headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5
    assert all(UUID.fullmatch(each) for each in ids)


@pytest.mark.parametrize(
    ("method", "path", "body", "route", "status"),
    [
        ("POST", "/v1/rank", b'{"user_id": "u00001", "item_ids": ["i00001"]}', "/v1/rank", 200),
        ("POST", "/v1/rank", b"{}", "/v1/rank", 422),
        ("POST", "/v1/rank", b"{", "/v1/rank", 400),
        ("POST", "/v1/nothing", b"{", "", 404),
        ("GET", "/v1/nothing", b"", "", 404),
        ("DELETE", "/v1/rank", b"", "/v1/rank", 405),
        ("GET", "/v1/users/secret", b"", "/v1/users/{user_id}", 404),
        ("GET", "/openapi.json", b"", "/openapi.json", 200),
    ],
)
def test_what_is_told_of_a_request(
    client: TestClient, visits: list[Visit], method: str, path: str, body: bytes, route: str, status: int
) -> None:
    got = client.request(method, path, content=body, headers={"content-type": "application/json"})
    (visit,) = visits
    assert (visit.method, visit.route, visit.status) == (method, route, status == got.status_code and status)
    assert got.headers["X-Request-ID"] == visit.request_id
    assert 0 < visit.seconds < 60


def test_an_answer_is_told_with_its_stages_in_order(client: TestClient, visits: list[Visit]) -> None:
    client.post("/v1/recommend", json={"user_id": "u00001"})
    (visit,) = visits
    assert visit.answer is not None
    assert [name for name, _, _ in visit.stages] == ["state", "retrieve", "features", "trees", "rules", "answer"]
    instants = [visit.began, visit.queued, visit.started, *(end for _, _, end in visit.stages), visit.ended]
    assert instants == sorted(instants)
    assert [start for _, start, _ in visit.stages] == instants[2:-2]


def test_what_breaks_inside_is_told_and_has_its_id(
    client: TestClient, visits: list[Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "rank", lambda *_: 1 / 0)
    got = client.post("/v1/rank", json=RANK, headers={"X-Request-ID": "broken"})
    assert (got.status_code, got.headers["X-Request-ID"]) == (500, "broken")
    assert [(visit.status, visit.route, visit.request_id) for visit in visits] == [(500, "/v1/rank", "broken")]
    assert visits[0].answer is None
