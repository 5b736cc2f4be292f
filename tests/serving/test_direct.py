from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from serving.direct import DirectRoute
from serving.guard import Guard
from serving.problems import refuse_invalid


class Question(BaseModel):
    n: Annotated[int, Field(ge=1)]


@pytest.fixture
def client() -> TestClient:
    router = APIRouter(route_class=DirectRoute)

    @router.post("/double")
    async def double(query: Question, request: Request) -> Response:
        return Response(f"{request.url.path} {2 * query.n}")

    app = FastAPI()
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.include_router(router)
    app.add_middleware(Guard)
    return TestClient(app)


def test_a_body_is_read_by_its_model(client: TestClient) -> None:
    assert client.post("/double", json={"n": 21}).text == "/double 42"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"n": 0}, "n: Input should be greater than or equal to 1, got 0."),
        ({}, "n is missing; /double needs it."),
        ([], "The body: expected a JSON object, got an array."),
    ],
)
def test_what_does_not_fit_is_refused_as_everywhere(client: TestClient, body: object, sentence: str) -> None:
    response = client.post("/double", json=body)
    assert (response.status_code, response.json()["detail"]) == (422, sentence)


def test_it_is_documented_as_any_other(client: TestClient) -> None:
    post = client.get("/openapi.json").json()["paths"]["/double"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("Question")
