"""What the app's routes are, for what stands before the router."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

NEED = "x-role"
"""The entry of a route's `openapi_extra` that says what it needs; see `auth.needs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A route, and what it needs.

    Attributes:
        path: with the names of what it holds.
        pattern: what paths it takes.
        methods: what methods; None takes all.
        role: what it says that it needs; None if it says nothing.
    """

    path: str
    pattern: re.Pattern[str]
    methods: frozenset[str] | None
    role: str | None

    def takes(self, method: str) -> bool:
        """Whether it takes this method."""
        return self.methods is None or method in self.methods


def declared(routes: Sequence[BaseRoute]) -> Iterator[Access]:
    """What the routes of an app need, in the order in which they are tried."""
    for route in iter_route_contexts(routes):
        extra = getattr(route.original_route, "openapi_extra", None) or {}
        methods = None if route.methods is None else frozenset(route.methods)
        yield Access(path=route.path_format or "", pattern=route.path_regex, methods=methods, role=extra.get(NEED))


class Routes:
    """The routes of an app, found as its router finds them."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._accesses: tuple[Access, ...] | None = None

    def met(self, path: str) -> list[Access]:
        """Those that take a path, whatever the method, in the order in which they are tried."""
        if self._accesses is None:  # all of them are there only when the first request comes
            self._accesses = tuple(declared(self._app.routes))
        return [access for access in self._accesses if access.pattern.match(path)]

    def allowed(self, path: str) -> str:
        """The methods that a path takes, as an Allow header has them."""
        return ", ".join(sorted(set().union(*(access.methods or () for access in self.met(path)))))

    def take(self, scope: Scope) -> bool:
        """Whether one takes this request: path and method."""
        return any(access.takes(scope["method"]) for access in self.met(scope["path"]))
