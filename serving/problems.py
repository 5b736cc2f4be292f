"""Errors as application/problem+json (RFC 9457): one sentence, never a stack trace."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from serving.state_schemas import Problem

MEDIA_TYPE = "application/problem+json"

_LOG = logging.getLogger(__name__)
_SHOWN = 80
_NO_OBJECT = frozenset({"model_attributes_type", "model_type", "dict_type"})
_KINDS = {type(None): "null", bool: "a boolean", str: "a string", list: "an array"}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that cannot be met."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=printable(detail))
    return Response(orjson.dumps(body.model_dump()), status, headers, MEDIA_TYPE)


def printable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot carry, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of a route's errors; `openapi.describe` adds what they refer to."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


async def refuse_invalid(request: Request, error: Exception) -> Response:
    """422 for a body of the wrong shape, naming the first field that is wrong."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"] if part != "body") or "The body"
    if first["type"] == "missing":
        return problem(422, f"{path} is missing; {request.url.path} needs it.")
    if first["type"] == "extra_forbidden":
        return problem(422, f"{path} is no field of {request.url.path}; see /openapi.json for those that are.")
    if first["type"] in _NO_OBJECT:
        return problem(422, f"{path}: expected a JSON object, got {_KINDS.get(type(first['input']), 'a number')}.")
    message = str(first["msg"]).removeprefix("Value error, ")
    return problem(422, f"{path}: {message}{_got(first)}.")


def _got(error: Mapping[str, Any]) -> str:
    given = error.get("input")
    if not isinstance(given, str | int | float | bool) or "got" in str(error["msg"]):
        return ""
    shown = repr(given)
    return f", got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"


async def refuse_history(_request: Request, error: Exception) -> Response:
    """422 for a history that cannot have happened."""
    return problem(422, str(error))


async def refuse_conflict(_request: Request, error: Exception) -> Response:
    """409 for what cannot be as things are: a name in use, a bundle that is not whole."""
    return problem(409, str(error))


async def refuse_unknown(_request: Request, error: Exception) -> Response:
    """404 for a name that nothing has."""
    return problem(404, str(error))


async def refuse_for_now(_request: Request, error: Exception) -> Response:
    """503 where the state cannot be used; where it lies is nobody's business."""
    _LOG.error("%s", error)
    return problem(503, "The state cannot be used right now, nothing was changed; try again.", {"Retry-After": "1"})


async def refuse_unlogged(_request: Request, error: Exception) -> Response:
    """503 where the log takes nothing; where it lies is nobody's business."""
    _LOG.error("%s", error)
    return problem(503, "The log takes nothing right now, nothing is acknowledged; try again.", {"Retry-After": "1"})


async def refuse_late(_request: Request, error: Exception) -> Response:
    """503 for a request whose time was up before it was its turn."""
    return problem(503, str(error), {"Retry-After": "1"})


def no_path(path: str) -> str:
    """The sentence about a path that nothing is at."""
    return f"{path} is no path of this service; see /openapi.json."


async def refuse(request: Request, error: Exception) -> Response:
    """What the router raises: no such path, wrong method; and what a handler does not find."""
    assert isinstance(error, HTTPException)
    sentences = {
        404: no_path(request.url.path),
        405: f"{request.url.path} does not take {request.method}; see /openapi.json.",
    }
    routed = error.detail == HTTPStatus(error.status_code).phrase
    sentence = sentences.get(error.status_code) if routed else None
    # the router names the methods of the first route only that a path has
    headers = (
        {"Allow": request.app.state.routes.allowed(request.url.path)} if error.status_code == 405 else error.headers
    )
    return problem(error.status_code, sentence or str(error.detail), headers)
