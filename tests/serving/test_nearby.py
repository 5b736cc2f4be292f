"""Who is near is told by where a request came in, never by what it says."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from serving.nearby import Nearby


def status(server: tuple[str, int | None] | None, *, path: str = "/v1/bundle", host: str = "127.0.0.1") -> int:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    headers = [(b"host", host.encode())]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "server": server}
    asyncio.run(Nearby(PlainTextResponse("here"))(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1"])
def test_a_loopback_address_is_near(host: str) -> None:
    assert status((host, 8000)) == 200


@pytest.mark.parametrize(
    "server", [("10.0.0.1", 8000), ("0.0.0.0", 8000), ("localhost", 8000), ("/run/socket", None), None]
)
def test_every_other_is_far_whatever_the_client_says(server: tuple[str, int | None] | None) -> None:
    assert status(server, host="127.0.0.1") == 403


def test_probes_may_come_from_anywhere() -> None:
    assert status(("10.0.0.1", 8000), path="/health/live") == 200
    assert status(("10.0.0.1", 8000), path="/health") == 403
