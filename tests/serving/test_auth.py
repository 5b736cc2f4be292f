"""Who may ask: a key for everything but health, its role, its rate."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from serving.app import create_app, door
from serving.auth import ANYONE
from serving.keys import KeyRing, add
from serving.routes import declared
from serving.sqlite import SqliteStore

ROLES = ("read", "write", "admin")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("keys") / "keys"
    made = {role: add(path, name=role, role=role) for role in ROLES}
    return made | {"slow": add(path, name="slow", role="read", rate=0.01, burst=2), "path": str(path)}


@pytest.fixture(scope="module")
def guarded(bundle_root: Path, keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path_factory.mktemp("state") / "state")
    app = create_app(bundle_root, store=store, clock=lambda end: end, keys=KeyRing(Path(keys["path"])))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


NEEDS = [
    ("POST", "/v1/recommend", "read"),
    ("POST", "/v1/rank", "read"),
    ("POST", "/v1/preview", "read"),
    ("POST", "/v1/draft", "write"),
    ("GET", "/v1/items", "read"),
    ("GET", "/v1/users", "admin"),
    ("GET", "/v1/bundles", "read"),
    ("POST", "/v1/events", "write"),
    ("GET", "/v1/users/{user_id}", "read"),
    ("DELETE", "/v1/users/{user_id}", "write"),
    ("PUT", "/v1/items/{item_id}", "write"),
    ("DELETE", "/v1/items/{item_id}", "write"),
    ("GET", "/v1/items/{item_id}/similar", "read"),
    ("GET", "/v1/bundle", "read"),
    ("POST", "/v1/bundle", "admin"),
    ("GET", "/v1/experiment", "read"),
    ("PUT", "/v1/experiment", "admin"),
    ("DELETE", "/v1/experiment", "admin"),
    ("GET", "/openapi.json", "read"),
    ("GET", "/health/live", ANYONE),
    ("GET", "/health/ready", ANYONE),
    ("GET", "/", ANYONE),
    ("GET", "/console/{name}", ANYONE),
]
"""What the contract says of its routes, beside what they say of themselves."""

ACCESSES = [(method, access) for access in declared(door().routes) for method in sorted(access.methods or {"GET"})]


def test_every_route_says_what_it_needs() -> None:
    assert [access.path for _, access in ACCESSES if access.role not in {*ROLES, ANYONE}] == [], (
        "give each of these routes openapi_extra=needs(role)"
    )


def test_a_route_that_says_nothing_is_seen() -> None:
    router, app = APIRouter(), door()
    router.get("/forgotten")(lambda: None)
    app.include_router(router)
    assert [access.path for access in declared(app.routes) if access.role is None] == ["/forgotten"]


@pytest.mark.parametrize(("method", "path", "role"), NEEDS)
def test_routes_need_what_the_contract_says(method: str, path: str, role: str) -> None:
    assert [access.role for m, access in ACCESSES if (m, access.path) == (method, path)] == [role]


def test_only_health_and_the_page_need_no_key() -> None:
    free = {"/health/live", "/health/ready", "/", "/console/{name}"}
    assert {access.path for _, access in ACCESSES if access.role == ANYONE} == free


@pytest.mark.parametrize(("method", "access"), ACCESSES, ids=lambda value: getattr(value, "path", value))
def test_each_route_asks_for_a_key_and_its_role(guarded: TestClient, keys: dict, method: str, access) -> None:
    path = access.path.replace("{", "").replace("}", "")
    bare = guarded.request(method, path)
    if access.role == ANYONE:
        assert bare.status_code == (404 if "{name}" in access.path else 200)  # there is no file called name
        return
    assert bare.status_code == 401
    assert bare.headers["www-authenticate"] == "Bearer"
    enough = ROLES.index(access.role)
    for role in ROLES[:enough]:
        refused = guarded.request(method, path, headers=bearer(keys[role]))
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            f"{method} {access.path} needs a key whose role is {access.role}, this one's is {role}.",
        )
    for role in ROLES[enough:]:
        assert guarded.request(method, path, headers=bearer(keys[role])).status_code not in {401, 403}


@pytest.mark.parametrize(
    ("headers", "got"),
    [
        ({}, "no key"),
        ({"authorization": ""}, "no key"),
        ({"authorization": "Bearer"}, "no key"),
        ({"authorization": "Bearer  "}, "no key"),
        ({"authorization": "Basic KEY"}, "no key"),
        ({"authorization": "KEY"}, "no key"),
        ({"x-api-key": "KEY"}, "no key"),
        ({"authorization": "Bearer KEYKEY"}, "a key that is none of this service's"),
        ({"authorization": "Bearer KEY, Bearer KEY"}, "a key that is none of this service's"),
        ({"authorization": "Bearer \xff"}, "a key that is none of this service's"),
    ],
)
def test_what_is_no_key_is_401(guarded: TestClient, keys: dict, headers: dict[str, str], got: str) -> None:
    raw = {name: value.replace("KEY", keys["read"]).encode("latin-1") for name, value in headers.items()}
    refused = guarded.post("/v1/recommend", json={"user_id": "u00001"}, headers=raw)
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": f"Expected Authorization: Bearer KEY, got {got}; whoever runs the service gives keys.",
    }


def test_two_keys_are_none(guarded: TestClient, keys: dict) -> None:
    twice = [("authorization", f"Bearer {keys['read']}")] * 2
    assert guarded.get("/v1/bundle", headers=twice).status_code == 401


def test_the_scheme_is_written_as_one_likes(guarded: TestClient, keys: dict) -> None:
    assert guarded.get("/v1/bundle", headers={"authorization": f"bEARER   {keys['read']}"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/console", "/v1/bundle/", "/docs", "/health", "/health/live/", "//v1/bundle"]
)
def test_a_path_that_nothing_is_at_asks_for_a_key_too(guarded: TestClient, keys: dict, path: str) -> None:
    assert guarded.get(path).status_code == 401
    found = guarded.get(path, headers=bearer(keys["read"]))
    assert found.status_code == 404
    assert found.json()["detail"].endswith("is no path of this service; see /openapi.json.")


def test_a_method_that_a_path_does_not_take_asks_for_a_key_too(guarded: TestClient, keys: dict) -> None:
    for method, path in (("PUT", "/v1/bundle"), ("POST", "/health/live"), ("OPTIONS", "/v1/recommend")):
        assert guarded.request(method, path).status_code == 401
        headers = {**bearer(keys["read"]), "content-type": "application/json"}
        assert guarded.request(method, path, headers=headers, content="{}").status_code == 405


def test_without_a_key_no_body_is_read(guarded: TestClient) -> None:
    assert guarded.post("/v1/recommend", content=b"\xff" * 300_000).status_code == 401


def test_a_route_that_says_nothing_needs_the_highest_role(bundle_root: Path, keys: dict, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    app = create_app(bundle_root, store=store, clock=lambda end: end, keys=KeyRing(Path(keys["path"])))
    router = APIRouter()
    router.get("/forgotten")(lambda: None)
    app.include_router(router)
    with TestClient(app) as client:
        codes = [client.get("/forgotten", headers=bearer(keys[role])).status_code for role in ROLES]
    assert codes == [403, 403, 200]


def test_over_its_rate_a_key_waits_and_the_others_do_not(guarded: TestClient, keys: dict) -> None:
    answers = [guarded.get("/v1/bundle", headers=bearer(keys["slow"])) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 98 <= int(answers[-1].headers["retry-after"]) <= 100
    assert answers[-1].json()["detail"] == (
        "This key may ask 0.01 times a second, it has asked more often; wait, then try again."
    )
    assert guarded.get("/v1/bundle", headers=bearer(keys["read"])).status_code == 200


def test_without_keys_nobody_is_asked_for_one(client: TestClient) -> None:
    assert client.get("/v1/bundle").status_code == 200
