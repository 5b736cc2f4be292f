"""Without keys only this machine may ask, also where somebody else opened the port."""

import ipaddress

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.problems import problem

_TOLD = (
    "Expected a request on a loopback address, this service asks nobody for a key; give it a file of keys, or let it "
    "listen on 127.0.0.1 behind a proxy."
)


class Nearby:
    """ASGI middleware: answers what came in on a loopback address, and probes; the others get 403."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on who is near; a server that does not say where a request came in is not trusted."""
        far = scope["type"] == "http" and not scope["path"].startswith("/health/") and not _loopback(scope)
        await (problem(403, _TOLD) if far else self.app)(scope, receive, send)


def _loopback(scope: Scope) -> bool:
    host, _ = scope.get("server") or ("", None)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
