"""What is counted, under which labels, and that no client can make more of them."""

import asyncio
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.schemas import Answer
from serving.sqlite import SqliteStore
from serving.store import StoreError
from serving.telemetry import MOST, OTHER, Facts, Telemetry
from serving.visit import Visit
from tests.serving.watched import samples, value

HOUR = 3_600_000_000
RANK = {"user_id": "u00001", "item_ids": ["i00001", "i00002"]}
STAGES = {"state", "retrieve", "features", "trees", "rules", "answer"}


@pytest.fixture
def app(bundle_root: Path, tmp_path: Path) -> FastAPI:
    return create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def requests(app: FastAPI, method: str, route: str, status: str) -> float:
    return value(app, "recsys_request_seconds_count", method=method, route=route, status=status)


def test_requests_by_method_route_and_status(app: FastAPI, client: TestClient) -> None:
    for _ in range(3):
        client.post("/v1/rank", json=RANK)
    client.post("/v1/rank", json={})
    client.post("/v1/rank", content=b"x" * 300_000, headers={"content-type": "application/json"})
    client.get("/v1/rank")
    client.get("/v1/users/u00001")
    client.get("/v1/users/one/two")
    assert requests(app, "POST", "/v1/rank", "2xx") == 3
    assert requests(app, "POST", "/v1/rank", "4xx") == 2  # one turned away before it was routed
    assert requests(app, "GET", "/v1/rank", "4xx") == 1
    assert requests(app, "GET", "/v1/users/{user_id}", "2xx") == 1
    assert requests(app, "GET", "/v1/users/{user_id}", "4xx") == 1


@pytest.mark.parametrize(("path", "body"), [("/v1/recommend", {"user_id": "u00001"}), ("/v1/rank", RANK)])
def test_stages_add_up_to_no_more_than_the_request(app: FastAPI, client: TestClient, path: str, body: dict) -> None:
    for _ in range(4):
        client.post(path, json=body)
    found = samples(app)
    counts = {dict(labels)["stage"]: n for (name, labels), n in found.items() if name == "recsys_stage_seconds_count"}
    assert counts == dict.fromkeys(STAGES, 4)
    sums = {"recsys_stage_seconds_sum", "recsys_queue_seconds_sum"}
    inside = sum(n for (name, _), n in found.items() if name in sums)
    whole = value(app, "recsys_request_seconds_sum", method="POST", route=path, status="2xx")
    assert 0 < inside < whole
    assert value(app, "recsys_queue_seconds_count") == 4


def test_explaining_is_a_stage(app: FastAPI, client: TestClient) -> None:
    client.post("/v1/rank", json=RANK | {"explain": True})
    client.post("/v1/recommend", json={"user_id": "u00001", "explain": True})
    assert value(app, "recsys_stage_seconds_count", stage="explain") == 2


def test_warming_up_is_no_answer(app: FastAPI) -> None:
    assert value(app, "recsys_queue_seconds_count") == 0
    assert not [name for name, _ in samples(app) if name == "recsys_stage_seconds_count"]


def test_answers_by_arm_and_policy_and_what_they_had_to_do_without(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise StoreError("gone")

    client.post("/v1/rank", json=RANK)
    monkeypatch.setattr(SqliteStore, "past", gone)
    client.post("/v1/recommend", json={"user_id": "u00001"})
    assert value(app, "recsys_answers_total", arm="default", policy="deterministic") == 2
    assert value(app, "recsys_degraded_total", reason="state") == 1


def test_events_new_and_known(app: FastAPI, client: TestClient) -> None:
    event = {"user_id": "u1", "item_id": "i00001", "event": "view", "timestamp": "2020-01-01T00:00:00Z"}
    first, second = event | {"event_id": "a"}, event | {"event_id": "b"}
    assert value(app, "recsys_events_total", outcome="new") == 0
    client.post("/v1/events", json={"events": [first]})
    client.post("/v1/events", json={"events": [first, second]})
    assert value(app, "recsys_events_total", outcome="new") == 2
    assert value(app, "recsys_events_total", outcome="known") == 1


def test_swaps_that_went_well_and_those_that_did_not(bundle_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(bundle_root, tmp_path / "bundles", symlinks=True))
    app = create_app(root, store=SqliteStore(tmp_path / "state"))
    with TestClient(app) as client:
        assert client.post("/v1/bundle", json={"name": "current"}).status_code == 200
        assert client.post("/v1/bundle", json={"name": "0" * 64}).status_code == 404
        (root / "current" / "users.json").write_text("[]")
        for _ in range(2):
            assert client.post("/v1/bundle", json={"name": "current"}).status_code == 409
    assert value(app, "recsys_swaps_total", outcome="ok") == 1
    assert value(app, "recsys_swaps_total", outcome="failed") == 2  # a name that nothing has is no swap


def test_what_is_served_and_how_old_it_is(app: FastAPI, client: TestClient) -> None:
    digest = client.get("/v1/bundle").json()["bundle"]
    assert value(app, "recsys_bundle_info", digest=digest) == 1
    assert value(app, "recsys_bundle_age_seconds") == 3600
    assert value(app, "process_resident_memory_bytes") > 1e6
    assert value(app, "process_open_fds") > 3


def test_requests_that_wait_are_told(app: FastAPI, client: TestClient) -> None:
    held = threading.Event()

    async def play() -> None:
        works = [asyncio.create_task(app.state.lane.run(lambda _left: held.wait(20), seconds=60)) for _ in range(3)]
        await asyncio.sleep(0)
        assert value(app, "recsys_queue_length") == 3
        held.set()
        await asyncio.gather(*works)

    asyncio.run(play())
    assert value(app, "recsys_queue_length") == 0


def test_the_route_tells_it_as_text(client: TestClient) -> None:
    got = client.get("/metrics")
    assert got.status_code == 200
    assert got.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE recsys_request_seconds histogram" in got.text


def test_two_apps_of_one_process_count_apart(app: FastAPI, client: TestClient, bundle_root: Path, tmp_path) -> None:
    other = create_app(bundle_root, store=SqliteStore(tmp_path / "other"))
    client.post("/v1/rank", json=RANK)
    assert requests(app, "POST", "/v1/rank", "2xx") == 1
    assert requests(other, "POST", "/v1/rank", "2xx") == 0


def asked_for_everything(client: TestClient, n: int) -> None:
    for _ in range(n):
        name = uuid.uuid4().hex
        client.get(f"/{name}/{name}")
        client.get(f"/v1/users/{name}")
        client.request(name[:8].upper(), f"/v1/users/{name}")
        client.get("/health/live", headers={"X-Request-ID": name, "traceparent": name})
        client.post("/v1/rank", json=RANK | {"user_id": name, "request_id": name, "item_ids": [name, "i00001"]})
        client.post("/v1/recommend", json={"user_id": name, "filters": {"tags": {"any": [name]}}})
        client.post("/v1/bundle", json={"name": name})


def test_no_client_makes_labels(app: FastAPI, client: TestClient) -> None:
    asked_for_everything(client, 1)
    before = samples(app)
    asked_for_everything(client, 20)
    assert set(samples(app)) == set(before)
    assert requests(app, "GET", OTHER, "4xx") == 21
    assert requests(app, OTHER, "/v1/users/{user_id}", "4xx") == 21


def answered(arm: str) -> Visit:
    answer = Answer.model_construct(arm=arm, policy="p", degraded=[arm], bundle="b")
    return Visit(request_id="r", method="POST", route="/v1/rank", status=200, answer=answer)


def test_arms_and_reasons_beyond_many_are_others() -> None:
    telemetry = Telemetry(lambda: Facts(digest="d", age=0, waiting=0, drift_lists=0, drift={}))
    for n in range(3 * MOST):
        telemetry.visited(answered(f"arm {n}"))
    lines = telemetry.text().decode().splitlines()
    assert len([line for line in lines if line.startswith("recsys_answers_total")]) == MOST + 1
    assert len([line for line in lines if line.startswith("recsys_degraded_total")]) == MOST + 1
    assert f'recsys_answers_total{{arm="{OTHER}",policy="p"}} {2 * MOST:.1f}' in lines


def test_drift_is_told_column_by_column() -> None:
    telemetry = Telemetry(lambda: Facts(digest="d", age=0, waiting=0, drift_lists=7, drift={"score": 0.3, "a": 0.1}))
    text = telemetry.text().decode()
    assert 'recsys_drift_psi{column="score"} 0.3' in text
    assert "recsys_drift_lists 7.0" in text
