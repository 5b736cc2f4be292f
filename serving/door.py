"""The HTTP door: all routes, and the answers to what is wrong with a request."""

import functools

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.types import Lifespan

import recsys
from recsys.errors import ArtifactError
from serving import admin_routes, catalog_routes, list_routes, page, preview_routes, state_routes
from serving.history import HistoryError
from serving.journal import LogError
from serving.limits import LateError
from serving.lineup import UnknownArmError
from serving.openapi import describe
from serving.problems import (
    refuse,
    refuse_conflict,
    refuse_for_now,
    refuse_history,
    refuse_invalid,
    refuse_late,
    refuse_unknown,
    refuse_unlogged,
)
from serving.routes import Routes
from serving.store import ConflictError, StoreError
from serving.switch import BusyError, UnknownBundleError

_NOTHING = TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False)
"""FastAPI's own spans and records tell whole paths and what was sent, users' names in them: `tracing` is ours."""


def door(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The routes and the answers to what is wrong with a request, with nothing behind them yet."""
    app = FastAPI(
        title="recsys",
        version=recsys.__version__,
        summary="Ranked lists from one bundle.",
        lifespan=lifespan,
        openapi_url=None,  # it is a route of ours, or it would need no key
        redirect_slashes=False,  # where to is made from the Host that a client names
        telemetry=_NOTHING,
    )
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.add_exception_handler(HistoryError, refuse_history)
    for conflict in (ConflictError, BusyError, ArtifactError):
        app.add_exception_handler(conflict, refuse_conflict)
    for unknown in (UnknownBundleError, UnknownArmError):
        app.add_exception_handler(unknown, refuse_unknown)
    app.add_exception_handler(StoreError, refuse_for_now)
    app.add_exception_handler(LogError, refuse_unlogged)
    app.add_exception_handler(LateError, refuse_late)
    app.add_exception_handler(HTTPException, refuse)
    for routes in (list_routes, preview_routes, catalog_routes, state_routes, admin_routes, page):
        app.include_router(routes.router)
    app.state.routes = Routes(app)
    app.openapi = functools.cache(lambda: describe(app))  # type: ignore[method-assign]
    return app
