"""The HTTP door: routes, their OpenAPI, and one lane of computation behind them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

import recsys
from recsys.errors import ArtifactError
from recsys.schema import SECOND, Lap
from serving import logs
from serving.clock import Clock, wall
from serving.guard import Guard
from serving.history import HistoryError
from serving.item_schemas import Item, ItemReceipt, Similar
from serving.problems import (
    apologize,
    documented,
    refuse,
    refuse_conflict,
    refuse_for_now,
    refuse_history,
    refuse_invalid,
    refuse_unknown,
)
from serving.sampling import PER_MINUTE, Sampler
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
from serving.telemetry import CONTENT_TYPE, Facts, Telemetry
from serving.watch import Watch, Watcher, visit_of

R = TypeVar("R")

POLL_SECONDS = 0.25
"""How long it takes at most until what another worker changed is looked for."""

_NOTHING = TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False)
"""FastAPI's own spans and records tell whole paths and what was sent, users' names in them: `tracing` is ours."""

router = APIRouter()


def create_app(
    bundle_root: Path,
    *,
    store: Store,
    clock: Clock = wall,
    samples_per_minute: float = PER_MINUTE,
    watchers: Sequence[Watcher] = (),
) -> FastAPI:
    """The service over the bundle that `bundle_root`/current points to, loaded and warmed up.

    Args:
        bundle_root: the folder of bundles.
        store: what users did since; closed when the app ends.
        clock: gives the instant an answer is true for.
        samples_per_minute: requests that are looked at once more for drift and recall, at most.
        watchers: told of each request when it has ended, beside the logs and the metrics.

    Raises:
        ArtifactError: no bundle, or one that is not whole.
    """
    # One thread computes: a request is a few milliseconds of CPU, two at once would only slow each other down,
    # and the event loop stays free to tell health, and to turn requests away.
    lane = ThreadPoolExecutor(1, thread_name_prefix="answers", initializer=one_thread)
    desk = ThreadPoolExecutor(1, thread_name_prefix="events")  # waits for the disk, so that no answer has to

    telemetry = Telemetry(lambda: _facts(switch, clock, sampler, lane))
    sampler = Sampler(samples_per_minute, found_recall=telemetry.recalled)
    switch = Switch(bundle_root, store=store, clock=clock, told=telemetry.swapped)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        followers = [Follower(work, every=POLL_SECONDS) for work in (switch.follow, switch.restock)]
        yield
        for follower in followers:
            follower.stop()
        switch.close()
        desk.shutdown()
        lane.shutdown()
        sampler.close()
        store.close()

    app = FastAPI(
        title="recsys",
        version=recsys.__version__,
        summary="Ranked lists from one bundle.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=_NOTHING,
    )
    app.state.switch, app.state.lane, app.state.desk = switch, lane, desk
    app.state.telemetry, app.state.sampler = telemetry, sampler
    app.add_middleware(Guard)
    routes, told = (*app.routes, *router.routes), (telemetry.visited, logs.visited, *watchers)
    app.add_middleware(Watch, routes=routes, watchers=told)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.add_exception_handler(HistoryError, refuse_history)
    for conflict in (ConflictError, BusyError, ArtifactError):
        app.add_exception_handler(conflict, refuse_conflict)
    app.add_exception_handler(UnknownBundleError, refuse_unknown)
    app.add_exception_handler(StoreError, refuse_for_now)
    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(Exception, apologize)
    app.include_router(router)
    return app


def _facts(switch: Switch, clock: Clock, sampler: Sampler, lane: ThreadPoolExecutor) -> Facts:
    bundle = switch.service.bundle
    drift = sampler.drift_of(bundle.digest)
    return Facts(
        digest=bundle.digest,
        age=(clock(bundle.end) - bundle.end) / SECOND,
        waiting=lane._work_queue.qsize(),
        drift_lists=drift.lists if drift else 0,
        drift=drift.distances() if drift else {},
    )


async def _in_lane(request: Request, work: Callable[[], R]) -> R:
    visit = visit_of(request)
    visit.queued = time.perf_counter_ns()

    def begun() -> R:
        visit.started = time.perf_counter_ns()
        return work()

    return await asyncio.get_running_loop().run_in_executor(request.app.state.lane, begun)


async def _answered(request: Request, work: Callable[[Lap], Answer]) -> Answer:
    visit = visit_of(request)

    def told() -> Answer:
        answer = work(visit.lap)
        visit.lap("answer")
        return answer

    visit.answer = await _in_lane(request, told)
    return visit.answer


async def _at_desk(request: Request, work: Callable[[], R]) -> R:
    return await asyncio.get_running_loop().run_in_executor(request.app.state.desk, work)


def _service(request: Request) -> Service:
    return _switch(request).service


def _switch(request: Request) -> Switch:
    switch: Switch = request.app.state.switch
    return switch


@router.post("/v1/recommend", responses=documented(400, 413, 415, 422), response_model_exclude_none=True)
async def recommend(query: RecommendRequest, request: Request) -> Answer:
    """The best items of the catalogue for a user."""
    service = _service(request)
    _switch(request).remember(query)
    answer = await _answered(request, lambda lap: service.recommend(query, lap))
    request.app.state.sampler.offer(service, query)
    return answer


@router.post("/v1/rank", responses=documented(400, 413, 415, 422), response_model_exclude_none=True)
async def rank(query: RankRequest, request: Request) -> Answer:
    """The given items, best first; those the catalogue does not know are listed apart."""
    service = _service(request)
    _switch(request).remember(query)
    return await _answered(request, lambda lap: service.rank(query, lap))


@router.post("/v1/events", responses=documented(400, 409, 413, 415, 422, 503))
async def events(query: EventsRequest, request: Request) -> Receipt:
    """Remember what users did; on disk before it is acknowledged."""
    service = _service(request)
    receipt = await _at_desk(request, lambda: service.post(query))
    request.app.state.telemetry.posted(new=receipt.accepted, known=len(query.events) - receipt.accepted)
    return receipt


@router.get("/v1/users/{user_id:path}", responses=documented(404, 422, 503), response_model_exclude_none=True)
async def user(user_id: Id, request: Request) -> User:
    """What lists for this user are made from."""
    service = _service(request)
    found = await _at_desk(request, lambda: service.user(user_id))
    if found is None:
        raise HTTPException(404, f"Nothing is known of user {user_id!r}; lists for them are a newcomer's.")
    return found


@router.delete("/v1/users/{user_id:path}", responses=documented(422, 503))
async def forget(user_id: Id, request: Request) -> Erased:
    """Erase a user: what was posted is deleted, what the bundle knows is not used any more."""
    service = _service(request)
    return await _at_desk(request, lambda: service.forget(user_id))


@router.put("/v1/items/{item_id:path}", responses=documented(400, 413, 415, 422, 503))
async def put_item(item_id: Id, item: Item, request: Request) -> ItemReceipt:
    """Add an item to the catalogue, or replace it: kept, and in answers, before it is acknowledged."""
    if item.item_id not in {None, item_id}:
        raise HTTPException(422, f"item_id: expected {item_id!r}, as in the path, or none, got {item.item_id!r}.")
    return await _change(item_id, item, request)


@router.delete("/v1/items/{item_id:path}", responses=documented(422, 503), response_model_exclude_none=True)
async def delete_item(item_id: Id, request: Request) -> ItemReceipt:
    """Take an item away: no answer given from now on holds it, whatever bundle is served."""
    return await _change(item_id, None, request)


async def _change(item_id: str, item: Item | None, request: Request) -> ItemReceipt:
    switch = _switch(request)
    known = switch.service.has(item_id)
    columns = None if item is None else item.model_dump_json(exclude_none=True)
    await run_in_threadpool(switch.change, {item_id: columns})
    return switch.service.item(item_id, known=known)


@router.get("/v1/items/{item_id:path}/similar", responses=documented(404, 422))
async def similar_items(item_id: Id, request: Request, k: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 20) -> Similar:
    """Items that read like this one and can be recommended now, nearest first."""
    service = _service(request)
    found = await _in_lane(request, lambda: similar(service, item_id, k))
    if found is None:
        raise HTTPException(404, f"The catalogue has no item {item_id!r}; put it first.")
    return found


@router.get("/v1/bundle")
async def bundle(request: Request) -> BundleInfo:
    """What is being served."""
    return _service(request).info()


@router.post("/v1/bundle", responses=documented(400, 404, 409, 413, 415, 422, 503))
async def swap(query: SwapRequest, request: Request) -> BundleInfo:
    """Serve another bundle from the next request on; a bad one changes nothing, and going back is the same call."""
    return await run_in_threadpool(_switch(request).to, query.name)


@router.get("/health/live", response_model_exclude_none=True)
async def live() -> Health:
    """The process answers."""
    return Health(status="live")


@router.get("/health/ready", response_model_exclude_none=True)
async def ready(request: Request) -> Health:
    """A bundle is loaded and has answered once."""
    return Health(status="ready", bundle=_service(request).bundle.digest)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """What this process has counted, for Prometheus."""
    text = await run_in_threadpool(request.app.state.telemetry.text)
    return Response(text, media_type=CONTENT_TYPE)
