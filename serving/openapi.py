"""The description of the API, committed as openapi.json; `python -m serving.openapi` renews it."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.auth import SCHEME
from serving.state_schemas import Problem

COMMITTED = Path(__file__).with_name("openapi.json")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an app's routes, and how a key is presented to them."""
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    document["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
    document["components"]["securitySchemes"] = SCHEME
    return document


def as_text(document: dict[str, Any]) -> str:
    """As it is committed: one line a value, so that a difference is one too."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    from serving.door import door

    COMMITTED.write_text(as_text(door().openapi()))
