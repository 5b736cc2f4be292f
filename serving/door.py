"""The HTTP door: the routes, what each needs and tells, and the answers to what is wrong with a request."""

import functools
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Lifespan

import recsys
from recsys.errors import ArtifactError
from recsys.schema import Lap
from serving import desk
from serving.auth import needs
from serving.direct import DirectRoute
from serving.experiments import CurrentExperiment, Experiment
from serving.history import HistoryError
from serving.item_schemas import Item, ItemReceipt, Similar
from serving.journal import Journal, LogError
from serving.lane import Lane
from serving.limits import LateError, Limits
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
    refuse_unlogged,
)
from serving.reply import Reply
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
from serving.store import ConflictError, StoreError
from serving.switch import BusyError, Switch, UnknownBundleError
from serving.telemetry import CONTENT_TYPE
from serving.watch import visit_of

R = TypeVar("R")

_NOTHING = TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False)
"""FastAPI's own spans and records tell whole paths and what was sent, users' names in them: `tracing` is ours."""

take_ids()
router = APIRouter()
lists = APIRouter(route_class=DirectRoute)


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
    app.add_exception_handler(UnknownBundleError, refuse_unknown)
    app.add_exception_handler(StoreError, refuse_for_now)
    app.add_exception_handler(LogError, refuse_unlogged)
    app.add_exception_handler(LateError, refuse_late)
    app.add_exception_handler(HTTPException, refuse)
    app.include_router(lists)
    app.include_router(router)
    app.state.routes = Routes(app)
    app.openapi = functools.cache(lambda: describe(app))  # type: ignore[method-assign]
    return app


async def _answered(
    request: Request, work: Callable[[float, Lap], Reply], *, deadline_ms: int | None = None
) -> Response:
    lane: Lane = request.app.state.lane
    limits: Limits = request.app.state.limits
    visit = visit_of(request)
    visit.queued = time.perf_counter_ns()

    def turn(left: float) -> tuple[Reply, bytes]:
        visit.started = time.perf_counter_ns()
        reply = work(left, visit.lap)
        body = reply.json()
        visit.lap("answer")
        return reply, body

    seconds = (limits.deadline_ms if deadline_ms is None else deadline_ms) / 1e3
    visit.answer, body = await lane.run(turn, seconds=seconds)
    return Response(body, media_type="application/json")


async def _at_desk(request: Request, work: Callable[[], R]) -> R:
    lane: Lane = request.app.state.desk
    limits: Limits = request.app.state.limits

    def in_time(left: float) -> R:
        if left <= 0:
            raise LateError(
                f"It was not this request's turn within {limits.state_ms} ms, nothing was changed; try again."
            )
        return work()

    return await lane.run(in_time, seconds=limits.state_ms / 1e3)


def _service(request: Request) -> Service:
    return _switch(request).service


def _switch(request: Request) -> Switch:
    switch: Switch = request.app.state.switch
    return switch


@lists.post(
    "/v1/recommend",
    response_model=Answer,
    responses=documented(400, 408, 413, 415, 422, 503),
    openapi_extra=needs("read"),
)
async def recommend(query: RecommendRequest, request: Request) -> Response:
    """The best items of the catalogue for a user."""
    _switch(request).remember(query)
    turn = _switch(request).lineup.turn(query)

    def work(left: float, lap: Lap) -> Reply:
        return turn.service.recommend(turn.query, treatment=turn.treatment, beside=turn.beside, seconds=left, lap=lap)

    answer = await _answered(request, work, deadline_ms=query.deadline_ms)
    request.app.state.sampler.offer(turn.service, query)
    return answer


@lists.post(
    "/v1/rank", response_model=Answer, responses=documented(400, 408, 413, 415, 422, 503), openapi_extra=needs("read")
)
async def rank(query: RankRequest, request: Request) -> Response:
    """The given items, best first; those the catalogue does not know are listed apart."""
    _switch(request).remember(query)
    turn = _switch(request).lineup.turn(query)

    def work(left: float, lap: Lap) -> Reply:
        return turn.service.rank(turn.query, treatment=turn.treatment, seconds=left, lap=lap)

    return await _answered(request, work, deadline_ms=query.deadline_ms)


@router.post("/v1/events", responses=documented(400, 408, 409, 413, 415, 422, 503), openapi_extra=needs("write"))
async def events(query: EventsRequest, request: Request) -> Receipt:
    """Remember what users did; on disk before it is acknowledged."""
    service = _service(request)
    receipt = await _at_desk(request, lambda: desk.post(service, query))
    request.app.state.telemetry.posted(new=receipt.accepted, known=len(query.events) - receipt.accepted)
    return receipt


@router.get(
    "/v1/users/{user_id:id}",
    responses=documented(404, 422, 503),
    response_model_exclude_none=True,
    openapi_extra=needs("read"),
)
async def user(user_id: Id, request: Request) -> User:
    """What lists for this user are made from."""
    service = _service(request)
    found = await _at_desk(request, lambda: desk.user(service, user_id))
    if found is None:
        raise HTTPException(404, f"Nothing is known of user {user_id!r}; lists for them are a newcomer's.")
    return found


@router.delete("/v1/users/{user_id:id}", responses=documented(422, 503), openapi_extra=needs("write"))
async def forget(user_id: Id, request: Request) -> Erased:
    """Erase a user: what was posted is deleted, also from the log, what the bundle knows is not used any more."""
    service = _service(request)
    journal: Journal | None = request.app.state.journal
    erased = await _at_desk(request, lambda: desk.forget(service, user_id))
    if journal is not None:
        await run_in_threadpool(journal.erase, user_id)  # looks through all files of the log, while others post
    return erased


@router.put("/v1/items/{item_id:id}", responses=documented(400, 408, 413, 415, 422, 503), openapi_extra=needs("write"))
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
    await run_in_threadpool(switch.clerk.change, {item_id: columns})
    return switch.service.item(item_id, known=known)


@router.get("/v1/items/{item_id:id}/similar", responses=documented(404, 422, 503), openapi_extra=needs("read"))
async def similar_items(item_id: Id, request: Request, k: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 20) -> Similar:
    """Items that read like this one and can be recommended now, nearest first."""
    service = _service(request)
    lane: Lane = request.app.state.lane
    found: Similar | None = await lane.run(lambda _left: similar(service, item_id, k), seconds=0)
    if found is None:
        raise HTTPException(404, f"The catalogue has no item {item_id!r}; put it first.")
    return found


@router.get("/v1/bundle", openapi_extra=needs("read"))
async def bundle(request: Request) -> BundleInfo:
    """What is being served."""
    return _service(request).info()


@router.post("/v1/bundle", responses=documented(400, 404, 408, 409, 413, 415, 422, 503), openapi_extra=needs("admin"))
async def swap(query: SwapRequest, request: Request) -> BundleInfo:
    """Serve another bundle from the next request on; a bad one changes nothing, and going back is the same call."""
    return await run_in_threadpool(_switch(request).to, query.name)


@router.get("/v1/experiment", openapi_extra=needs("read"))
async def experiment(request: Request) -> CurrentExperiment:
    """Which experiment runs."""
    return CurrentExperiment(experiment=_switch(request).lineup.experiment)


@router.put("/v1/experiment", responses=documented(400, 404, 409, 413, 415, 422, 503), openapi_extra=needs("admin"))
async def run_experiment(query: Experiment, request: Request) -> CurrentExperiment:
    """Run an experiment in place of the one that runs; one that names a bad bundle changes nothing."""
    return await run_in_threadpool(_switch(request).run, query)


@router.delete("/v1/experiment", responses=documented(503), openapi_extra=needs("admin"))
async def end_experiment(request: Request) -> CurrentExperiment:
    """End the experiment that runs: from the next request on the bundle in use answers everybody, as it is."""
    return await run_in_threadpool(_switch(request).run, None)


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


@router.get("/metrics", response_class=PlainTextResponse, openapi_extra=needs("read"))
async def metrics(request: Request) -> Response:
    """What this process has counted, for Prometheus."""
    text = await run_in_threadpool(request.app.state.telemetry.text)
    return Response(text, media_type=CONTENT_TYPE)
