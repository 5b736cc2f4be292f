"""Whatever chance makes of a request: no failure, no hang, and a problem as the description has it."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import pytest

from recsys.bundle import Bundle
from serving.app import create_app
from serving.history import moment
from serving.problems import MEDIA_TYPE
from serving.sqlite import SqliteStore
from tests.serving.mutation import Asked, Seed, mutated, seeds

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
    """What a description says of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._validators: dict[tuple[str, str, str], Any] = {}
        self._problem = jsonschema_rs.validator_for(
            {"$ref": "#/components/schemas/Problem", "components": document["components"]}
        )

    def broken(self, seed: Seed, asked: Asked, status: int, headers: dict[str, str], body: bytes) -> str | None:
        """What is wrong with an answer; None if nothing is."""
        content = json.loads(body)
        if status >= 500:
            return "it failed"
        if status >= 400:
            told = headers["content-type"] == MEDIA_TYPE and self._problem.is_valid(content)
            if not (told and content["status"] == status and content["detail"].strip()):
                return "it is no problem"
        known = self._document["paths"][seed.path][seed.method.lower()]["responses"]
        elsewhere = status in {404, 405}  # the path or the method was changed too
        if str(status) not in known:
            return None if elsewhere else "its status is not described"
        if status == 200 and not self._valid(seed, content):
            return "its body is not as described"
        return None

    def _valid(self, seed: Seed, content: Any) -> bool:
        operation = self._document["paths"][seed.path][seed.method.lower()]
        key = seed.method, seed.path, "200"
        if key not in self._validators:
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            self._validators[key] = jsonschema_rs.validator_for(schema | {"components": self._document["components"]})
        return self._validators[key].is_valid(content)


def survived(app, bundle: Bundle, *, requests: int) -> Counter[int]:
    """Ask that many mutated requests, in turn of every route; how often each status was answered."""
    words = {"item_id": "i00001", "user_id": "u00001", "timestamp": moment(bundle.end).isoformat()}
    words |= {"history": "left out", "price": {"min": 1.0, "max": 9.0}}
    document = app.openapi()
    promises, counted, rng = Promises(document), Counter(), Random(5)
    all_seeds = list(seeds(document, words))

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            for seed in all_seeds:  # they are right, or mutating them would show little
                right = Asked(
                    method=seed.method,
                    path=seed.path.replace("{", "").replace("}", "").encode(),
                    headers=((b"content-type", b"application/json"),),
                    chunks=(json.dumps(seed.body).encode(),),
                )
                status, _, body = await answered(app, right)
                assert status in {200, 404}, (seed, body)
            for n in range(requests):
                seed = all_seeds[n % len(all_seeds)]
                asked = mutated(seed, rng)
                answer = await answered(app, asked)
                wrong = promises.broken(seed, asked, *answer)
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
