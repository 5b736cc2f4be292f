"""Whatever chance makes of a request: no failure, no hang, and a problem as the description has it."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from urllib.parse import unquote

import jsonschema_rs
import pytest

from recsys.bundle import Bundle
from recsys.schema import DAY, moment
from serving.app import create_app
from serving.problems import MEDIA_TYPE
from serving.sqlite import SqliteStore
from tests.serving.mutation import Asked, mutated, seeds

SECONDS = 30.0
"""How long an answer may take at most, on the busiest machine."""

FEW, MANY = 600, 100_000


async def answered(app, asked: Asked) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body of an answer, as a server would get them from the app."""
    path, _, query = asked.path.partition(b"?")
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
    scope |= {"method": asked.method, "path": unquote(path.decode()), "raw_path": path, "query_string": query}
    scope |= {"headers": list(asked.headers), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000)}
    left, sent = list(asked.chunks), []

    async def receive() -> dict:
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: dict) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), SECONDS)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


class Promises:
    """What the description of an app says of its answers."""

    def __init__(self, app) -> None:
        self._routes, self._document = app.state.routes, app.openapi()
        self._validators: dict[tuple[str, str, int], jsonschema_rs.Validator] = {}

    def broken(self, asked: Asked, status: int, headers: dict[str, str], body: bytes) -> str | None:
        """What is wrong with an answer; None if nothing is."""
        content = json.loads(body) if "json" in headers["content-type"] else body.decode()
        if status >= 500:
            return "it failed"
        if status >= 400 and (headers["content-type"] != MEDIA_TYPE or content["status"] != status):
            return "it is no problem"
        route = self._route(asked)
        if route is None:
            return None if status in {404, 405} else "nothing is there"
        validator = self._validator(*route, status)
        if validator is None:
            return "its status is not described"
        return None if validator.is_valid(content) else "its body is not as described"

    def _route(self, asked: Asked) -> tuple[str, str] | None:
        """The path and method that take a request, as the description has them."""
        met = self._routes.met(unquote(asked.path.partition(b"?")[0].decode()))
        found = next((access.path for access in met if access.takes(asked.method)), None)
        return None if found is None else (found, asked.method.lower())

    def _validator(self, path: str, method: str, status: int) -> jsonschema_rs.Validator | None:
        key = path, method, status
        if key not in self._validators:
            answer = self._document["paths"][path][method]["responses"].get(str(status))
            if answer is None:
                return None
            (content,) = answer["content"].values()
            schema = content["schema"] | {"components": self._document["components"]}
            self._validators[key] = jsonschema_rs.validator_for(schema)
        return self._validators[key]


def survived(app, bundle: Bundle, *, requests: int) -> Counter[int]:
    """Ask that many mutated requests, in turn of every route; how often each status was answered."""
    words = {"item_id": "i00001", "user_id": "u00001", "timestamp": moment(bundle.end).isoformat()}
    words |= {"history": "left out", "min": 1.0, "max": 9.0, "arm": "default"}
    words |= {
        "traffic": 0.5,
        "holdout": 0.1,
        "first": 0.1,
        "share": 1.0,
        "bundle": "left out",
        "interleave": "left out",
    }
    words |= {"kind": "plackett_luce", "epsilon": 0.1}
    words |= {"start": moment(bundle.end - DAY).isoformat(), "end": words["timestamp"]}
    promises, counted, rng = Promises(app), Counter(), Random(5)
    all_seeds = list(seeds(app.openapi(), words))

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            for seed in all_seeds:  # they are right, or mutating them would show little
                right = Asked(
                    method=seed.method,
                    path=seed.path.format(**words).encode(),
                    headers=((b"content-type", b"application/json"),),
                    chunks=(json.dumps(seed.body).encode(),),
                )
                status, _, body = await answered(app, right)
                assert status in {200, 404}, (seed, body)
            for n in range(requests):
                seed = all_seeds[n % len(all_seeds)]
                asked = mutated(seed, rng)
                answer = await answered(app, asked)
                wrong = promises.broken(asked, *answer)
                assert wrong is None, (wrong, asked.method, asked.path, asked.headers, asked.chunks, answer)
                counted[answer[0]] += 1

    asyncio.run(ask())
    return counted


@pytest.fixture
def app(bundle_root: Path, tmp_path: Path):
    return create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end)


def test_a_few_hundred_mutated_requests(app, bundle: Bundle) -> None:
    counted = survived(app, bundle, requests=FEW)
    assert {200, 400, 404, 405, 413, 415, 422} <= set(counted), "they reach every kind of refusal"


@pytest.mark.prove
def test_a_hundred_thousand_mutated_requests(app, bundle: Bundle) -> None:
    counted = survived(app, bundle, requests=MANY)
    print(sorted(counted.items()))
    assert sum(counted.values()) == MANY
