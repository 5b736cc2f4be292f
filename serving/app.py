"""The HTTP door: routes, their OpenAPI, and one lane of computation behind them."""

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Lifespan

import recsys
from recsys.errors import ArtifactError
from serving.auth import Auth, needs
from serving.breaker import Breaker
from serving.clock import Clock, wall
from serving.direct import DirectRoute
from serving.failures import Failures
from serving.gate import Gate
from serving.guard import Guard
from serving.headers import Headers
from serving.history import HistoryError
from serving.item_schemas import Item, ItemReceipt, Similar
from serving.keys import KeyRing
from serving.lane import Lane
from serving.limits import USUAL, LateError, Limits
from serving.openapi import describe
from serving.paths import take_ids
from serving.problems import (
    documented,
    refuse,
    refuse_conflict,
    refuse_for_now,
    refuse_history,
    refuse_invalid,
    refuse_late,
    refuse_unknown,
)
from serving.rates import Rates
from serving.routes import Routes
from serving.schemas import (
    MAX_ITEMS,
    Answer,
    BundleInfo,
    Erased,
    EventsRequest,
    Health,
    Id,
    RankRequest,
    Receipt,
    RecommendRequest,
    SwapRequest,
    User,
)
from serving.service import Service
from serving.similar import similar
from serving.store import ConflictError, Store, StoreError
from serving.switch import BusyError, Follower, Switch, UnknownBundleError, one_thread

R = TypeVar("R")

POLL_SECONDS = 0.25
"""How long it takes at most until what another worker changed is looked for."""

take_ids()
router = APIRouter()
lists = APIRouter(route_class=DirectRoute)


def create_app(
    bundle_root: Path, *, store: Store, clock: Clock = wall, limits: Limits = USUAL, keys: KeyRing | None = None
) -> FastAPI:
    """The service over the bundle that `bundle_root`/current points to, loaded and warmed up.

    Args:
        bundle_root: the folder of bundles.
        store: what users did since; closed when the app ends.
        clock: gives the instant an answer is true for.
        limits: how much may be asked at once, and how long it may take.
        keys: who may ask; None asks nobody for a key.

    Raises:
        ArtifactError: no bundle, or one that is not whole.
    """
    breaker = Breaker(store)
    switch = Switch(bundle_root, store=store, breaker=breaker, clock=clock)
    lane = Lane("answers", initializer=one_thread)
    desk = Lane("events")  # waits for the disk, so that no answer has to

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        followers = [Follower(work, every=POLL_SECONDS) for work in (switch.follow, switch.restock, breaker.probe)]
        yield
        for follower in followers:
            follower.stop()
        switch.close()
        desk.close()
        lane.close()
        store.close()

    app = door(lifespan)
    app.state.switch, app.state.lane, app.state.desk, app.state.limits = switch, lane, desk, limits
    routes: Routes = app.state.routes
    app.add_middleware(Guard, takes=routes.take)
    app.add_middleware(Gate, doors=limits.doors)
    if keys is not None:
        app.add_middleware(Auth, routes=routes, keys=keys, rates=Rates())
    app.add_middleware(Failures)
    app.add_middleware(Headers)  # the outermost
    return app


def door(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The routes and the answers to what is wrong with a request, with nothing behind them yet."""
    app = FastAPI(
        title="recsys",
        version=recsys.__version__,
        summary="Ranked lists from one bundle.",
        lifespan=lifespan,
        openapi_url=None,  # it is a route of ours, or it would need no key
        redirect_slashes=False,  # where to is made from the Host that a client names
    )
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.add_exception_handler(HistoryError, refuse_history)
    for conflict in (ConflictError, BusyError, ArtifactError):
        app.add_exception_handler(conflict, refuse_conflict)
    app.add_exception_handler(UnknownBundleError, refuse_unknown)
    app.add_exception_handler(StoreError, refuse_for_now)
    app.add_exception_handler(LateError, refuse_late)
    app.add_exception_handler(HTTPException, refuse)
    app.include_router(lists)
    app.include_router(router)
    app.state.routes = Routes(app)
    app.openapi = functools.cache(lambda: describe(app))  # type: ignore[method-assign]
    return app


async def _answered(request: Request, work: Callable[[float], R], *, deadline_ms: int | None = None) -> R:
    lane: Lane = request.app.state.lane
    limits: Limits = request.app.state.limits
    return await lane.run(work, seconds=(limits.deadline_ms if deadline_ms is None else deadline_ms) / 1e3)


async def _at_desk(request: Request, work: Callable[[], R]) -> R:
    desk: Lane = request.app.state.desk
    limits: Limits = request.app.state.limits

    def in_time(left: float) -> R:
        if left <= 0:
            raise LateError(
                f"It was not this request's turn within {limits.state_ms} ms, nothing was changed; try again."
            )
        return work()

    return await desk.run(in_time, seconds=limits.state_ms / 1e3)


def _written(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _service(request: Request) -> Service:
    return _switch(request).service


def _switch(request: Request) -> Switch:
    switch: Switch = request.app.state.switch
    return switch


@lists.post(
    "/v1/recommend",
    response_model=Answer,
    responses=documented(400, 413, 415, 422, 503),
    openapi_extra=needs("read"),
)
async def recommend(query: RecommendRequest, request: Request) -> Response:
    """The best items of the catalogue for a user."""
    service = _service(request)
    _switch(request).remember(query)
    return _written(
        await _answered(
            request, lambda left: service.recommend(query, seconds=left).json(), deadline_ms=query.deadline_ms
        )
    )


@lists.post(
    "/v1/rank", response_model=Answer, responses=documented(400, 413, 415, 422, 503), openapi_extra=needs("read")
)
async def rank(query: RankRequest, request: Request) -> Response:
    """The given items, best first; those the catalogue does not know are listed apart."""
    service = _service(request)
    _switch(request).remember(query)
    return _written(
        await _answered(request, lambda left: service.rank(query, seconds=left).json(), deadline_ms=query.deadline_ms)
    )


@router.post("/v1/events", responses=documented(400, 409, 413, 415, 422, 503), openapi_extra=needs("write"))
async def events(query: EventsRequest, request: Request) -> Receipt:
    """Remember what users did; on disk before it is acknowledged."""
    service = _service(request)
    return await _at_desk(request, lambda: service.post(query))


@router.get(
    "/v1/users/{user_id:id}",
    responses=documented(404, 422, 503),
    response_model_exclude_none=True,
    openapi_extra=needs("read"),
)
async def user(user_id: Id, request: Request) -> User:
    """What lists for this user are made from."""
    service = _service(request)
    found = await _at_desk(request, lambda: service.user(user_id))
    if found is None:
        raise HTTPException(404, f"Nothing is known of user {user_id!r}; lists for them are a newcomer's.")
    return found


@router.delete("/v1/users/{user_id:id}", responses=documented(422, 503), openapi_extra=needs("write"))
async def forget(user_id: Id, request: Request) -> Erased:
    """Erase a user: what was posted is deleted, what the bundle knows is not used any more."""
    service = _service(request)
    return await _at_desk(request, lambda: service.forget(user_id))


@router.put("/v1/items/{item_id:id}", responses=documented(400, 413, 415, 422, 503), openapi_extra=needs("write"))
async def put_item(item_id: Id, item: Item, request: Request) -> ItemReceipt:
    """Add an item to the catalogue, or replace it: kept, and in answers, before it is acknowledged."""
    if item.item_id not in {None, item_id}:
        raise HTTPException(422, f"item_id: expected {item_id!r}, as in the path, or none, got {item.item_id!r}.")
    return await _change(item_id, item, request)


@router.delete(
    "/v1/items/{item_id:id}",
    responses=documented(422, 503),
    response_model_exclude_none=True,
    openapi_extra=needs("write"),
)
async def delete_item(item_id: Id, request: Request) -> ItemReceipt:
    """Take an item away: no answer given from now on holds it, whatever bundle is served."""
    return await _change(item_id, None, request)


async def _change(item_id: str, item: Item | None, request: Request) -> ItemReceipt:
    switch = _switch(request)
    known = switch.service.has(item_id)
    columns = None if item is None else item.model_dump_json(exclude_none=True)
    await run_in_threadpool(switch.change, {item_id: columns})
    return switch.service.item(item_id, known=known)


@router.get("/v1/items/{item_id:id}/similar", responses=documented(404, 422, 503), openapi_extra=needs("read"))
async def similar_items(item_id: Id, request: Request, k: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 20) -> Similar:
    """Items that read like this one and can be recommended now, nearest first."""
    service = _service(request)
    found = await _answered(request, lambda _left: similar(service, item_id, k))
    if found is None:
        raise HTTPException(404, f"The catalogue has no item {item_id!r}; put it first.")
    return found


@router.get("/v1/bundle", openapi_extra=needs("read"))
async def bundle(request: Request) -> BundleInfo:
    """What is being served."""
    return _service(request).info()


@router.post("/v1/bundle", responses=documented(400, 404, 409, 413, 415, 422, 503), openapi_extra=needs("admin"))
async def swap(query: SwapRequest, request: Request) -> BundleInfo:
    """Serve another bundle from the next request on; a bad one changes nothing, and going back is the same call."""
    return await run_in_threadpool(_switch(request).to, query.name)


@router.get("/health/live", response_model_exclude_none=True, openapi_extra=needs("anyone"))
async def live() -> Health:
    """The process answers."""
    return Health(status="live")


@router.get("/health/ready", response_model_exclude_none=True, openapi_extra=needs("anyone"))
async def ready(request: Request) -> Health:
    """A bundle is loaded and has answered once."""
    return Health(status="ready", bundle=_service(request).bundle.digest)


@router.get("/openapi.json", include_in_schema=False, openapi_extra=needs("read"))
async def openapi(request: Request) -> JSONResponse:
    """What this service takes and gives."""
    return JSONResponse(request.app.openapi())
