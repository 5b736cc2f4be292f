"""How many requests may be inside at once; whoever comes then is turned away at the door, before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.guard import WITH_BODY
from serving.problems import problem

_FULL = "More is asked than can be answered right now; try again in a moment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Requests that are counted together.

    Attributes:
        starts: of their paths.
        places: how many may be inside at once.
    """

    starts: tuple[str, ...]
    places: int


class Gate:
    """ASGI middleware that counts the requests that have no answer yet.

    A bounded queue keeps the answers that are given fast, however many are asked for: what is more than the machine
    can do has to be turned away anyhow, and the sooner the cheaper. A request counts from when its body has arrived,
    so that slow senders take nobody's place.
    """

    def __init__(self, app: ASGIApp, *, doors: Sequence[Door]) -> None:
        """Paths that no door leads to are not counted."""
        self._app, self._doors = app, doors
        self._inside = dict.fromkeys(doors, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or answer 503."""
        door = self._door(scope)
        if door is None:
            await self._app(scope, receive, send)
            return
        if self._inside[door] >= door.places:
            await problem(503, _FULL, {"Retry-After": "1"})(scope, receive, send)
            return
        whole = scope["method"] not in WITH_BODY
        self._inside[door] += whole

        async def counted() -> Message:
            nonlocal whole
            message = await receive()
            if not whole and not message.get("more_body", False):
                whole = True
                self._inside[door] += 1
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._inside[door] -= whole

    def _door(self, scope: Scope) -> Door | None:
        if scope["type"] != "http":
            return None
        path = scope["path"]
        return next((door for door in self._doors if path.startswith(door.starts)), None)
