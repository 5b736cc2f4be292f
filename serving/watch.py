"""The outermost layer: every request gets an id, and is told to those who watch when it has ended."""

import re
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TypeAlias

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.routes import Routes
from serving.visit import KEY, Visit

Watcher: TypeAlias = Callable[[Visit], None]
"""Told of each request when it has ended; quick, and raises nothing."""

HEADER = "X-Request-ID"
_HEADER = HEADER.lower().encode()
_PARENT = b"traceparent"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Watch:
    """ASGI middleware; what fails inside counts as a 500 and goes on up."""

    def __init__(self, app: ASGIApp, *, routes: Routes, watchers: Sequence[Watcher]) -> None:
        self._app, self._routes, self._watchers = app, routes, watchers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then tell."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = scope[KEY] = _begun(scope)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = visit.request_id
            await send(message)

        try:
            await self._app(scope, receive, marked)
        finally:
            visit.ended = time.perf_counter_ns()
            visit.route = self._template(scope)
            for told in self._watchers:
                told(visit)

    def _template(self, scope: Scope) -> str:
        """The route's path with names in place of what the client put there; empty where there is none."""
        if "route" in scope:
            return getattr(scope["route"], "path_format", "")
        met = self._routes.met(scope["path"])  # turned away before it was routed
        return met[0].path if met else ""


def visit_of(request: Request) -> Visit:
    """The request's own."""
    visit: Visit = request.scope[KEY]
    return visit


def _begun(scope: Scope) -> Visit:
    headers = dict(scope["headers"])
    given = headers.get(_HEADER, b"")
    request_id = given.decode() if _ID.fullmatch(given) else str(uuid.uuid4())
    return Visit(request_id=request_id, method=scope["method"], parent=headers.get(_PARENT, b"").decode("latin-1"))
