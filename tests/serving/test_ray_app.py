"""The app under a real Ray Serve, two replicas behind its proxy: what uvicorn answers, it answers."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from recsys.schema import DAY
from serving.app import create_app
from serving.sqlite import SqliteStore
from tests.serving.conftest import both_in

pytestmark = [pytest.mark.ray, pytest.mark.slow]

MINUTE = DAY // 1440


@pytest.fixture(scope="module")
def both(bundle_root: Path, ruled_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return both_in(tmp_path_factory.mktemp("both") / "bundles", bundle_root, ruled_root)


@pytest.fixture(scope="module")
def deployed(both: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    from tests.ray_cluster import deployed

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    state = tmp_path_factory.mktemp("ray") / "state.sqlite"
    with deployed(both, state, port=port, replicas=2), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        client.timeout = 30
        yield client


def _lists(client: httpx.Client, user: str) -> list[tuple[str, float]]:
    """Two lists for a user, one after the other: item ids and scores."""
    whole = client.post("/v1/recommend", json={"user_id": user, "k": 10}).json()
    ids = [item["item_id"] for item in whole["items"]]
    ranked = client.post("/v1/rank", json={"user_id": user, "item_ids": sorted(ids)}).json()
    return [(item["item_id"], item["score"]) for answer in (whole, ranked) for item in answer["items"]]


def test_it_answers_what_uvicorn_answers(deployed: httpx.Client, both: Path, tmp_path: Path) -> None:
    app = create_app(both, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + MINUTE)
    with TestClient(app) as client:
        for user in ("u00001", "u00002", "u00003", "nobody"):
            there, here = _lists(deployed, user), _lists(client, user)
            assert [item for item, _ in there] == [item for item, _ in here]
            np.testing.assert_allclose([x for _, x in there], [x for _, x in here], atol=1e-3)  # a minute apart
        assert deployed.get("/openapi.json").json() == client.get("/openapi.json").json()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/recommend", {"user_id": "u00001", "k": 0}, 422),
        ("POST", "/v1/rank", {"user_id": "u00001"}, 422),
        ("GET", "/v1/users/a-name-nobody-has", None, 404),
        ("POST", "/v1/bundle", {"name": "f" * 64}, 404),
        ("GET", "/nowhere", None, 404),
        ("GET", "/v1/recommend", None, 405),
    ],
)
def test_a_mistake_is_a_problem_as_before(
    deployed: httpx.Client, method: str, path: str, body: dict | None, status: int
) -> None:
    got = deployed.request(method, path, json=body)
    assert (got.status_code, got.headers["content-type"]) == (status, "application/problem+json")
    assert got.json()["status"] == status


def test_a_body_that_is_too_large_is_refused(deployed: httpx.Client) -> None:
    got = deployed.post("/v1/recommend", content=b" " * 300_000, headers={"content-type": "application/json"})
    assert got.status_code == 413


def _replicas_answers(client: httpx.Client, n: int = 40) -> set[str]:
    return {client.post("/v1/recommend", json={"user_id": "u00001"}).json()["bundle"] for _ in range(n)}


def test_a_swap_reaches_all_replicas(deployed: httpx.Client, without: str, with_rules: str) -> None:
    assert _replicas_answers(deployed) == {without}
    assert deployed.post("/v1/bundle", json={"name": with_rules}).status_code == 200
    for _ in range(100):
        if _replicas_answers(deployed) == {with_rules}:
            break
        time.sleep(0.05)
    assert _replicas_answers(deployed) == {with_rules}
    assert deployed.post("/v1/bundle", json={"name": without}).status_code == 200


def test_two_processes_answer_and_no_log_holds_a_user(deployed: httpx.Client) -> None:
    import ray

    deployed.get("/v1/users/somebody-secret")
    folder = Path(ray._private.worker.global_worker.node.get_logs_dir_path()) / "serve"
    written = {path.name: path.read_text() for path in folder.glob("*.log")}
    assert sum(name.startswith("replica_recsys_Endpoint") for name in written) == 2
    assert any(name.startswith("proxy_") for name in written)
    assert [name for name, text in written.items() if "somebody-secret" in text] == []


def test_arguments_that_nobody_knows_are_refused() -> None:
    from serving.ray_app import Arguments

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Arguments(bundles=Path(), state="state", clock="log", wokers=2)  # type: ignore[call-arg]
