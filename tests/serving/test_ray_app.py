"""The app under a real Ray Serve, two replicas behind its proxy: what uvicorn answers, it answers."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx
import polars as pl
import pytest
import yaml
from fastapi.testclient import TestClient
from pydantic import ValidationError

from recsys.data.policy_log import PolicyLog
from recsys.errors import UsageError
from serving.app import create_app
from serving.clock import wall
from serving.keys import add
from serving.ray_app import Arguments, Ports, build, replica
from serving.sqlite import SqliteStore
from tests import ray_cluster
from tests.ray_cluster import FILE
from tests.serving.conftest import both_in, eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def both(bundle_root: Path, ruled_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return both_in(tmp_path_factory.mktemp("both") / "bundles", bundle_root, ruled_root)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ray")


@pytest.fixture(scope="module")
def deployed(both: Path, folder: Path) -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    secret = add(folder / "keys", name="shop", role="admin")
    settings = {"log": {"features": 1.0, "rotate_seconds": 1.0}}
    given = {"keys": str(folder / "keys"), "settings": settings, "metrics": {"first": port + 1, "n": 6}}
    with (
        ray_cluster.deployed(both, folder / "state.sqlite", port=port, replicas=2, **given),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {secret}"}) as client,
    ):
        client.timeout = 30
        yield client


def test_it_answers_what_uvicorn_answers(deployed: httpx.Client, both: Path, tmp_path: Path) -> None:
    """At the same instant: the replicas' clock runs on, and ages are part of a score."""
    now = 0
    app = create_app(both, store=SqliteStore(tmp_path / "state"), clock=lambda _end: now)
    with TestClient(app) as client:
        for user in ("u00001", "u00002", "u00003", "nobody"):
            ids = [f"i{n:05d}" for n in range(0, 40, 4)]
            for path, more in (("recommend", {"k": 10}), ("rank", {"item_ids": ids})):
                there = deployed.post(f"/v1/{path}", json={"user_id": user, "request_id": "r"} | more).json()
                now = (datetime.fromisoformat(there["as_of"]) - EPOCH) // timedelta(microseconds=1)
                assert client.post(f"/v1/{path}", json={"user_id": user, "request_id": "r"} | more).json() == there
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


def test_who_has_no_key_is_asked_for_one(deployed: httpx.Client) -> None:
    got = httpx.post(f"{deployed.base_url}/v1/recommend", json={"user_id": "u00001"})
    assert (got.status_code, got.headers["content-type"]) == (401, "application/problem+json")
    assert httpx.get(f"{deployed.base_url}/health/ready").status_code == 200


def test_each_replica_tells_its_own_metrics(deployed: httpx.Client) -> None:
    def counted() -> dict[int, float]:
        found = {}
        for port in range(deployed.base_url.port + 1, deployed.base_url.port + 7):
            with suppress(httpx.TransportError):
                text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
                counts = re.findall(r'^recsys_request_seconds_count\{.*route="/v1/rank".*\} (\S+)$', text, re.MULTILINE)
                found[port] = sum(map(float, counts))
        return found

    before = counted()
    assert len(before) == 2
    for _ in range(30):
        deployed.post("/v1/rank", json={"user_id": "u00001", "item_ids": ["i00001"]}).raise_for_status()
    assert eventually(lambda: sum(counted().values()) == sum(before.values()) + 30)


def test_what_both_answer_is_in_one_log_and_who_is_deleted_is_not(deployed: httpx.Client, folder: Path) -> None:
    names = {f"logged-{n}" for n in range(20)}
    for name in names:
        deployed.post("/v1/recommend", json={"user_id": "somebody", "request_id": name, "k": 3}).raise_for_status()

    def told(table: Literal["answers", "features"]) -> set[str]:
        rows: pl.LazyFrame = getattr(PolicyLog.load(folder / "log"), table)
        return set(rows.filter(pl.col("user_id") == "somebody").collect()["request_id"])

    assert eventually(lambda: names <= told("answers"))
    assert eventually(lambda: names <= told("features"))  # of one answer in a hundred, were it not for the settings
    deployed.delete("/v1/users/somebody").raise_for_status()
    assert eventually(lambda: not told("answers"))


def test_arguments_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Arguments(bundles=Path(), state="state", clock="log", wokers=2)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match=r"settings\.limits\.anwers\s+Extra inputs are not permitted"):
        Arguments.model_validate({"bundles": ".", "state": "state", "settings": {"limits": {"anwers": 2}}})


def test_the_file_says_what_a_replica_is_made_from() -> None:
    (application,) = yaml.safe_load(FILE.read_text())["applications"]
    (deployment,) = application["deployments"]
    arguments = Arguments.model_validate(application["args"])
    assert arguments.site().settings.limits.answers == deployment["max_ongoing_requests"]
    assert len(arguments.metrics.every) >= deployment["autoscaling_config"]["max_replicas"]


@pytest.mark.parametrize("mode", ["", "disabled"])
def test_a_ray_that_asks_for_no_token_is_refused(mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    with pytest.raises(UsageError, match=rf"Expected a Ray that asks for a token, got RAY_AUTH_MODE='{mode}'; make"):
        build(Arguments(bundles=tmp_path, state=str(tmp_path / "state")))


def test_keys_that_cannot_be_read_are_told_before_a_replica_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(UsageError, match=r"Cannot read the keys in .*none: No such file"):
        build(Arguments(bundles=tmp_path, state=str(tmp_path / "state"), keys=tmp_path / "none"))


def test_without_keys_only_who_is_near_is_answered(bundle_root: Path, tmp_path: Path) -> None:
    arguments = Arguments(bundles=bundle_root, state=str(tmp_path / "state"), log=tmp_path / "log", metrics=Ports(n=0))
    with TestClient(replica(arguments, wall), base_url="http://127.0.0.1") as near:
        assert near.get("/v1/bundle").status_code == 200
        near.base_url = "http://10.0.0.1"
        refused = near.get("/v1/bundle")
        assert (refused.status_code, refused.headers["x-content-type-options"]) == (403, "nosniff")
        assert near.get("/health/ready").status_code == 200
