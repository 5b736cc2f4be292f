"""Far more at once than there are places: an answer or a refusal for each, and nobody after them waits."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.limits import Limits
from serving.sqlite import SqliteStore

PLACES = 4


@pytest.fixture
def app(bundle_root: Path, tmp_path: Path) -> FastAPI:
    limits = Limits(answers=PLACES, deadline_ms=60_000)
    return create_app(bundle_root, store=SqliteStore(tmp_path / "state"), limits=limits)


async def asked(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/v1/recommend", json={"user_id": "u00003"})


async def burst(app: FastAPI, *, n: int) -> tuple[list[httpx.Response], int, httpx.Response]:
    """The answers to n requests that come at once, the most that were inside, and the answer to one that comes then."""
    inside: list[int] = []
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        asking = [asyncio.create_task(asked(client)) for _ in range(n)]
        while not all(each.done() for each in asking):
            inside.append(app.state.lane.inside)
            await asyncio.sleep(0)
        return [each.result() for each in asking], max(inside), await asked(client)


@pytest.mark.parametrize("n", [200, pytest.param(5_000, marks=pytest.mark.prove)])
def test_of_a_burst_some_are_answered_and_the_others_told_to_come_again(app: FastAPI, n: int) -> None:
    answers, inside, afterwards = asyncio.run(burst(app, n=n))
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {200, 503}
    assert counted[200] >= PLACES
    assert inside <= PLACES
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["detail"] == "More is asked than can be answered right now; try again in a moment."
        else:
            assert (len(answer.json()["items"]), answer.json()["degraded"]) == (20, [])
    assert (afterwards.status_code, afterwards.json()["degraded"]) == (200, [])
