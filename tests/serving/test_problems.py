"""A sentence for everything that is not a request."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.sqlite import SqliteStore

USER = '"user_id": "u00001"'


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/v1/recommend", "", 400, "Expected a JSON object as body, could not read it"),
        ("/v1/recommend", "{", 400, "Expected a JSON object as body"),
        ("/v1/recommend", '{"k": NaN}', 400, "Expected finite numbers, got NaN; leave the field out or send null."),
        ("/v1/recommend", '{"k": 1, "k": 2}', 400, "Expected each key once in an object, got 'k' twice."),
        ("/v1/recommend", "null", 422, "The body: expected a JSON object, got null."),
        ("/v1/recommend", "[]", 422, "The body: expected a JSON object, got an array."),
        ("/v1/recommend", '"text"', 422, "The body: expected a JSON object, got a string."),
        ("/v1/recommend", "{}", 422, "expected exactly one of user_id and history, got neither"),
        ("/v1/recommend", f'{{{USER}, "history": []}}', 422, "expected exactly one of user_id and history, got both"),
        ("/v1/recommend", '{"user_id": 7}', 422, "user_id: Input should be a valid string, got 7."),
        ("/v1/recommend", '{"user_id": ""}', 422, "user_id: expected 1 to 256 bytes of UTF-8, got 0."),
        ("/v1/recommend", f'{{"user_id": "{"a" * 257}"}}', 422, "user_id: expected 1 to 256 bytes of UTF-8, got 257."),
        ("/v1/recommend", '{"user_id": "\\ud800"}', 422, "user_id: "),
        ("/v1/recommend", f'{{{USER}, "\\ud800": 1}}', 422, "The body: Input should be a valid string"),
        ("/v1/recommend", f'{{{USER}, "filters": 5}}', 422, "filters: expected a JSON object, got a number."),
        ("/v1/recommend", f'{{{USER}, "kk": 1}}', 422, "kk is no field of /v1/recommend; see /openapi.json"),
        ("/v1/recommend", f'{{{USER}, "item_ids": ["a"]}}', 422, "item_ids is no field of /v1/recommend"),
        ("/v1/recommend", f'{{{USER}, "k": 0}}', 422, "k: Input should be greater than or equal to 1, got 0."),
        ("/v1/recommend", f'{{{USER}, "k": 1001}}', 422, "k: Input should be less than or equal to 1000, got 1001."),
        ("/v1/recommend", f'{{{USER}, "k": "5"}}', 422, "k: Input should be a valid integer, got '5'."),
        ("/v1/recommend", f'{{{USER}, "k": 5.5}}', 422, "k: Input should be a valid integer"),
        ("/v1/recommend", f'{{{USER}, "k": 1e999}}', 400, "Expected finite numbers, got 1e999"),
        (
            "/v1/recommend",
            f'{{{USER}, "filters": {{"price": {{"min": true}}}}}}',
            422,
            "filters.price.min: Input should",
        ),
        (
            "/v1/recommend",
            f'{{{USER}, "filters": {{"price": {{"max": "5"}}}}}}',
            422,
            "filters.price.max: Input should",
        ),
        ("/v1/recommend", f'{{{USER}, "k": true}}', 422, "k: Input should be a valid integer, got True."),
        ("/v1/recommend", f'{{{USER}, "exclude_seen": "no"}}', 422, "exclude_seen: Input should be a valid boolean"),
        ("/v1/recommend", '{"history": [{"item_id": "a"}]}', 422, "history.0.event is missing"),
        (
            "/v1/recommend",
            '{"history": [{"item_id": "a", "event": "ate"}]}',
            422,
            "history.0.event: expected one of impression, view, click",
        ),
        (
            "/v1/recommend",
            '{"history": [{"item_id": "a", "event": "click", "timestamp": "2024-01-01T00:00:00"}]}',
            422,
            "history.0.timestamp: Input should have timezone info",
        ),
        (
            "/v1/recommend",
            '{"history": [{"item_id": "a", "event": "click", "timestamp": 1704067200000}]}',
            422,
            "history.0.timestamp: expected a string such as 2026-01-31T12:00:00Z",
        ),
        (
            "/v1/recommend",
            '{"history": [{"item_id": "a", "event": "click", "timestamp": "9999-12-31T23:59:59Z"}]}',
            422,
            "history.0.timestamp: expected an instant before 2024-",
        ),
        (
            "/v1/recommend",
            f'{{{USER}, "filters": {{"price": {{"min": 2, "max": 1}}}}}}',
            422,
            "filters.price: expected min at most max, got 2.0 and 1.0.",
        ),
        ("/v1/recommend", f'{{{USER}, "filters": {{"colour": {{}}}}}}', 422, "filters.colour is no field of"),
        ("/v1/recommend", f'{{{USER}, "context": {{"a": []}}}}', 422, "context.a"),
        ("/v1/rank", f"{{{USER}}}", 422, "item_ids is missing; /v1/rank needs it."),
        ("/v1/rank", f'{{{USER}, "item_ids": []}}', 422, "item_ids: "),
        ("/v1/rank", f'{{{USER}, "item_ids": "i00001"}}', 422, "item_ids: "),
        ("/v1/rank", f'{{{USER}, "item_ids": [null]}}', 422, "item_ids.0: "),
        (
            "/v1/rank",
            json.dumps({"user_id": "u", "item_ids": ["a"] * 1001}),
            422,
            "item_ids: Tuple should have at most",
        ),
        ("/v1/rank", json.dumps({"user_id": "u", "item_ids": ["a" * 250] * 1100}), 413, "at most 262144 bytes"),
        ("/v1/nothing", "{}", 404, "/v1/nothing is no path of this service"),
        ("/health/ready", "{}", 405, "/health/ready does not take POST"),
    ],
)
def test_bad_input_gets_a_sentence(client: TestClient, path: str, body: str, status: int, sentence: str) -> None:
    response = client.post(path, content=body, headers={"content-type": "application/json"})
    problem = response.json()
    assert (response.status_code, problem["status"]) == (status, status), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail"}
    assert sentence in problem["detail"]
    assert problem["detail"].endswith((".", "…"))
    assert len(problem["detail"]) < 400


def test_another_type_is_refused(client: TestClient) -> None:
    response = client.post("/v1/recommend", content="user_id=u", headers={"content-type": "text/plain"})
    assert response.status_code == 415
    assert response.json()["detail"] == "Expected Content-Type application/json, got text/plain."


EVENT = {"event_id": "e", "user_id": "u", "item_id": "i", "event": "click", "timestamp": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("path", "field", "body"),
    [
        ("recommend", "filters.category.any", {"user_id": "u", "filters": {"category": {"any": ["a"] * 1001}}}),
        ("recommend", "filters.item_ids.deny", {"user_id": "u", "filters": {"item_ids": {"deny": ["a"] * 1001}}}),
        ("recommend", "history", {"history": [{"item_id": "a", "event": "click"}] * 1001}),
        ("recommend", "context", {"user_id": "u", "context": {f"k{n}": n for n in range(65)}}),
        ("rank", "item_ids", {"user_id": "u", "item_ids": ["a"] * 1001}),
        ("events", "events", {"events": [EVENT] * 1001}),
    ],
)
def test_no_list_is_longer_than_a_thousand(client: TestClient, path: str, field: str, body: dict) -> None:
    answer = client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert "should have at most" in answer.json()["detail"]


@pytest.mark.parametrize("value", [True, "5", [1]])
def test_the_value_of_an_event_is_a_number(client: TestClient, value: object) -> None:
    event = {"item_id": "a", "event": "click", "value": value}
    assert client.post("/v1/recommend", json={"history": [event]}).status_code == 422
    event |= {"event_id": "e", "user_id": "u", "timestamp": "2020-01-01T00:00:00Z"}
    assert client.post("/v1/events", json={"events": [event]}).status_code == 422
    assert client.put("/v1/items/a", json={"price": value}).status_code == 422


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    body = f'{{{USER}, "k": 3.0}}'
    answer = client.post("/v1/recommend", content=body, headers={"content-type": "application/json"})
    assert len(answer.json()["items"]) == 3


@pytest.mark.parametrize(("path", "allowed"), [("/v1/users/ann", "DELETE, GET"), ("/v1/bundle", "GET, POST")])
def test_another_method_is_told_those_of_the_path(client: TestClient, path: str, allowed: str) -> None:
    answer = client.put(path)  # without a body, of which nothing has to be said
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["detail"] == f"{path} does not take PUT; see /openapi.json."


def test_nobody_is_sent_elsewhere(client: TestClient) -> None:
    answer = client.get("/v1/bundle/", headers={"host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404


def test_no_page_of_another_site_may_call(client: TestClient) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in client.options("/v1/recommend", headers=asked).headers


def test_a_failure_inside_shows_nothing_of_the_inside(bundle_root: Path, tmp_path: Path) -> None:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end)
    app.state.lane.close()
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.post("/v1/recommend", json={"user_id": "u00001"})
    assert response.status_code == 500
    assert response.json()["detail"] == "/v1/recommend failed on our side; the server's log says why."
