"""What no handler should have to see: bodies too large, of another type, or JSON that readers disagree on."""

import asyncio
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import problem

BODY = "recsys.body"
"""Where in an ASGI scope the body stands, read as JSON."""

MAX_BODY = 256 * 1024
"""Largest request body, in bytes."""

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class RefusedError(Exception):
    """A body that is turned away, with its status and sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Guard:
    """ASGI middleware: reads the body of a writing request, at most MAX_BODY, checks it, and hands it on."""

    def __init__(
        self, app: ASGIApp, *, takes: Callable[[Scope], bool] = lambda _scope: True, seconds: float = math.inf
    ) -> None:
        """Stand before an app.

        Args:
            app: gets what is in order.
            takes: what it says that no route takes, the router may tell.
            seconds: how long a body may take to arrive; whoever sends slower keeps a connection for nothing.
        """
        self.app = app
        self._takes, self._seconds = takes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is in order; answer the rest with a problem."""
        if scope["type"] != "http" or scope["method"] not in WITH_BODY or not self._takes(scope):
            await self.app(scope, receive, send)
            return
        try:
            body = await self._arrived(scope, receive)
            scope[BODY] = check_json(body)
        except RefusedError as refused:
            headers = {"Connection": "close"} if refused.status == 408 else None  # the rest may never come
            await problem(refused.status, str(refused), headers)(scope, receive, send)
            return
        await self.app(scope, _Replay(body, receive), send)

    async def _arrived(self, scope: Scope, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await _read(scope, receive)
        except TimeoutError as error:
            told = f"Expected a whole body within {self._seconds:g} s, got a part of it; send it faster, or less."
            raise RefusedError(408, told) from error


class _Replay:
    """A `receive` that tells a body already read, then whatever comes next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _read(scope: Scope, receive: Receive) -> bytes:
    headers = dict(scope["headers"])
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if media != "application/json":
        raise RefusedError(415, f"Expected Content-Type application/json, got {media or 'none'}.")
    if (coding := headers.get(b"content-encoding", b"identity").lower()) != b"identity":
        raise RefusedError(415, f"Expected a body without Content-Encoding, got {coding.decode('latin-1')}.")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise RefusedError(400, f"Expected Content-Length as a number, got {length[:40].decode('latin-1')!r}.")
    if int(length[:20]) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise RefusedError(400, "Expected a whole body, the connection closed before its end.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large() -> RefusedError:
    return RefusedError(413, f"Expected a body of at most {MAX_BODY} bytes, got more; send fewer items.")


def check_json(body: bytes) -> Any:
    """What a body says; refuses what is not JSON as RFC 8259 has it, and what readers disagree on.

    Raises:
        RefusedError: not UTF-8, not JSON, nested too deep, NaN, an infinite number, or a key twice in one object.
    """
    try:
        return json.loads(body.decode(), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_distinct)
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"Expected UTF-8, got an undecodable byte at position {error.start}.") from error
    except RecursionError as error:
        raise RefusedError(400, "Expected a flat JSON object, got one nested too deep to read.") from error
    except ValueError as error:
        raise RefusedError(400, f"Expected a JSON object as body, could not read it: {error}.") from error


def _no_constant(name: str) -> float:
    raise RefusedError(400, f"Expected finite numbers, got {name}; leave the field out or send null.")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise RefusedError(400, f"Expected finite numbers, got {text[:40]}; it is beyond the range of a double.")
    return number


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RefusedError(400, f"Expected each key once in an object, got {key[:40]!r} twice.")
            seen.add(key)
    return found
