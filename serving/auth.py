"""Who may ask what: a key with every request but health's, and the role that its route needs."""

import math
from typing import Any, Literal, TypeAlias, get_args

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.keys import KeyRing, Role
from serving.problems import documented, no_path, problem
from serving.rates import Rates
from serving.routes import NEED, Routes

ANYONE: Literal["anyone"] = "anyone"
"""What a route that needs no key says instead of a role."""

Need: TypeAlias = Role | Literal["anyone"]

SCHEME = {"key": {"type": "http", "scheme": "bearer", "description": "Where the service was started with --keys."}}
"""The OpenAPI entry of how a key is presented."""

_RANK = {role: rank for rank, role in enumerate(get_args(Role))}


def needs(role: Need) -> dict[str, Any]:
    """The OpenAPI entries of a route, its `openapi_extra`, that keys of this role and higher ones may ask."""
    if role == ANYONE:
        return {NEED: role}
    refusals = {str(status): entry for status, entry in documented(401, 403, 429).items()}
    return {NEED: role, "security": [{"key": []}], "responses": refusals}


class Auth:
    """ASGI middleware: lets pass who has the key for it; a route that says nothing needs the highest role."""

    def __init__(self, app: ASGIApp, *, routes: Routes, keys: KeyRing, rates: Rates) -> None:
        self.app = app
        self._routes, self._keys, self._rates = routes, keys, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on who may ask; answer the others with a problem."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        path, method = scope["path"], scope["method"]
        met = self._routes.met(path)
        access = next((each for each in met if each.takes(method)), None)
        if access is not None and access.role == ANYONE:
            return None
        presented = _presented(scope)
        key = None if presented is None else self._keys.find(presented)
        if key is None:
            return _unknown(presented)
        if wait := self._rates.wait(key):
            told = f"This key may ask {key.rate:g} times a second, it has asked more often; wait, then try again."
            return problem(429, told, {"Retry-After": str(math.ceil(wait))})
        if access is None:  # the router says what is wrong with the method; a path it does not know never gets there
            return None if met else problem(404, no_path(path))
        role = access.role or "admin"
        if _RANK[key.role] < _RANK[role]:
            return problem(403, f"{method} {access.path} needs a key whose role is {role}, this one's is {key.role}.")
        return None


def _presented(scope: Scope) -> bytes | None:
    """The key of an `Authorization: Bearer KEY`; None if there is none, or more than one."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return None
    scheme, _, key = given[0].partition(b" ")
    key = key.strip()
    return key if scheme.lower() == b"bearer" and key else None


def _unknown(presented: bytes | None) -> Response:
    got = "no key" if presented is None else "a key that is none of this service's"
    told = f"Expected Authorization: Bearer KEY, got {got}; whoever runs the service gives keys."
    return problem(401, told, {"WWW-Authenticate": "Bearer"})
