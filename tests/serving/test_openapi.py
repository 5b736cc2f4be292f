"""The description of the API is the committed one."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, door
from serving.openapi import COMMITTED, as_text
from serving.sqlite import SqliteStore


def test_the_committed_description_is_that_of_the_app(bundle_root: Path, tmp_path: Path) -> None:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"))
    same = as_text(app.openapi()) == COMMITTED.read_text()
    assert same, "the API has changed: `python -m serving.openapi` renews serving/openapi.json; look at the difference"


def test_the_app_serves_it(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == json.loads(COMMITTED.read_text())


def test_each_error_is_described_as_a_problem() -> None:
    document = door().openapi()
    errors = [
        (path, method, status, answer.get("content", {}))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        if status >= "4"
    ]
    assert len(errors) > 20
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert [error[:3] for error in errors if error[3] != problem] == []
    assert sorted(document["components"]["schemas"]["Problem"]["properties"]) == ["detail", "status", "title", "type"]


@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/events", "/v1/bundle"])
def test_it_says_that_a_key_may_be_needed(path: str) -> None:
    document = door().openapi()
    assert document["paths"][path]["post"]["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
