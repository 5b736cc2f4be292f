"""No more inside than there are places; who is turned away has cost nothing, and who goes makes room."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from serving.gate import Door, Gate


class Shop:
    """An app whose answers wait to be released, behind a gate."""

    def __init__(self, doors: tuple[Door, ...]) -> None:
        self.release, self.entered, self.read = asyncio.Event(), 0, 0
        routes = [Route(path, self.answer, methods=["GET", "POST"]) for path in ("/a", "/a/more", "/b", "/free")]
        self.app = Gate(Starlette(routes=routes), doors=doors)

    async def answer(self, request: Request) -> Response:
        self.entered += 1
        await request.body()
        self.read += 1
        await self.release.wait()
        if "fail" in request.query_params:
            raise RuntimeError("oops")
        return PlainTextResponse("done")

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://shop")


async def inside(shop: Shop, n: int) -> None:
    async with asyncio.timeout(20):
        while shop.read < n:
            await asyncio.sleep(0)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_comes_when_all_places_are_taken_is_turned_away_until_somebody_goes(method: str) -> None:
    async def play() -> None:
        shop = Shop((Door(starts=("/a",), places=2), Door(starts=("/b",), places=1)))
        async with shop.client() as client:
            first = [asyncio.create_task(client.request(method, path)) for path in ("/a", "/a/more")]
            await inside(shop, 2)
            refused = await client.request(method, "/a")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["detail"] == "More is asked than can be answered right now; try again in a moment."
            assert shop.entered == 2
            others = [asyncio.create_task(client.request(method, path)) for path in ("/b", "/free", "/free", "/free")]
            await inside(shop, 6)
            shop.release.set()
            assert {got.status_code for got in await asyncio.gather(*first, *others)} == {200}
            assert (await client.request(method, "/a")).status_code == 200

    asyncio.run(play())


def test_who_fails_makes_room_too() -> None:
    async def play() -> None:
        shop = Shop((Door(starts=("/a",), places=1),))
        shop.release.set()
        async with shop.client() as client:
            for _ in range(3):
                assert (await client.post("/a?fail=1")).status_code == 500
            assert (await client.post("/a")).status_code == 200

    asyncio.run(play())


def test_a_slow_sender_takes_no_place() -> None:
    async def play() -> None:
        shop = Shop((Door(starts=("/a",), places=1),))
        more = asyncio.Event()

        async def body():
            yield b"{"
            await more.wait()
            yield b"}"

        async def sent() -> Response:
            scope = {"type": "http", "method": "POST", "path": "/a", "headers": [], "query_string": b""}
            parts, answers = body(), []

            async def receive() -> dict:
                part = await anext(parts, None)
                return {"type": "http.request", "body": part or b"", "more_body": part is not None}

            async def send(message: dict) -> None:
                answers.append(message)

            await shop.app(scope, receive, send)
            return answers[0]["status"]

        slow = asyncio.create_task(sent())
        async with asyncio.timeout(20):
            while shop.entered == 0:
                await asyncio.sleep(0)
        async with shop.client() as client:
            fast = asyncio.create_task(client.post("/a"))
            await inside(shop, 1)
            shop.release.set()
            assert (await fast).status_code == 200
            more.set()
            assert await slow == 200

    asyncio.run(play())
