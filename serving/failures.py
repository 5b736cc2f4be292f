"""Errors that nobody foresaw: a sentence to the client, and to the log where it happened, not with what.

The message of an exception may hold what a user sent, so the log gets the types and the lines only.
"""

import logging
import traceback

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import problem
from serving.visit import KEY, Visit

_LOG = logging.getLogger(__name__)
_FRAMES = 12


def places(error: BaseException) -> str:
    """The types of an error and of what caused it, each with the lines it came through, the innermost last."""
    lines = [f"{frame.f_code.co_filename}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    told = f"{type(error).__qualname__} at {' > '.join(lines[-_FRAMES:]) or 'no line'}"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told if cause is None else f"{told}; after {places(cause)}"


class Failures:
    """ASGI middleware: turns what nothing else caught into a 500, so that neither a client nor a log sees more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer where that fails; an answer that has begun breaks off."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            route = getattr(scope.get("route"), "path", "a path")  # the path itself may hold an id
            visit = scope.get(KEY)
            request = visit.request_id if isinstance(visit, Visit) else "unnamed"
            _LOG.error("%s %s failed: %s; request %s", scope["method"], route, places(error), request)
            if not begun:
                sentence = f"{scope['path']} failed on our side; the server's log says why."
                await problem(500, sentence)(scope, receive, send)
