"""What every answer tells a browser: guess no type, keep nothing, run nothing, show it nowhere, say nothing of it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
"""Header → value; an answer that brings one of these keeps its own."""

_RAW = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())


class Headers:
    """ASGI middleware: adds HEADERS to every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add to the answer what it lacks."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(pair for pair in _RAW if pair[0] not in names)]
            await send(message)

        await self.app(scope, receive, send_with)
