"""The HTTP door: routes, their OpenAPI, and one lane of computation behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from threadpoolctl import threadpool_limits

import recsys
from serving.clock import Clock, wall
from serving.guard import Guard
from serving.history import HistoryError
from serving.problems import apologize, documented, refuse, refuse_history, refuse_invalid
from serving.schemas import Answer, BundleInfo, Health, RankRequest, RecommendRequest
from serving.service import Service

R = TypeVar("R")

router = APIRouter()


def create_app(bundle_root: Path, *, clock: Clock = wall) -> FastAPI:
    """The service over the bundle that `bundle_root`/current points to, loaded and warmed up.

    Args:
        bundle_root: the folder of bundles.
        clock: gives the instant an answer is true for.

    Raises:
        ArtifactError: no bundle, or one that is not whole.
    """
    service = Service.open(bundle_root, clock=clock)
    # One thread computes: a request is a few milliseconds of CPU, two at once would only slow each other down,
    # and the event loop stays free to tell health, and to turn requests away.
    lane = ThreadPoolExecutor(1, thread_name_prefix="answers", initializer=_one_thread)
    lane.submit(service.warm_up).result()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        lane.shutdown()

    app = FastAPI(
        title="recsys",
        version=recsys.__version__,
        summary="Ranked lists from one bundle.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service, app.state.lane = service, lane
    app.add_middleware(Guard)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.add_exception_handler(HistoryError, refuse_history)
    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(Exception, apologize)
    app.include_router(router)
    return app


def _one_thread() -> None:
    # OpenMP keeps the number by calling thread, so it is set where the work is done; in calls this small, a second
    # thread costs more than it saves
    threadpool_limits(1)


async def _in_lane(request: Request, work: Callable[[], R]) -> R:
    return await asyncio.get_running_loop().run_in_executor(request.app.state.lane, work)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


@router.post("/v1/recommend", responses=documented(400, 413, 415, 422), response_model_exclude_none=True)
async def recommend(query: RecommendRequest, request: Request) -> Answer:
    """The best items of the catalogue for a user."""
    service = _service(request)
    return await _in_lane(request, lambda: service.recommend(query))


@router.post("/v1/rank", responses=documented(400, 413, 415, 422), response_model_exclude_none=True)
async def rank(query: RankRequest, request: Request) -> Answer:
    """The given items, best first; those the catalogue does not know are listed apart."""
    service = _service(request)
    return await _in_lane(request, lambda: service.rank(query))


@router.get("/v1/bundle")
async def bundle(request: Request) -> BundleInfo:
    """What is being served."""
    return _service(request).info()


@router.get("/health/live", response_model_exclude_none=True)
async def live() -> Health:
    """The process answers."""
    return Health(status="live")


@router.get("/health/ready", response_model_exclude_none=True)
async def ready(request: Request) -> Health:
    """A bundle is loaded and has answered once."""
    return Health(status="ready", bundle=_service(request).bundle.digest)
