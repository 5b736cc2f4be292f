"""The routes that tell of the service, and change what it answers with."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse

from serving.auth import needs
from serving.experiments import CurrentExperiment, Experiment
from serving.problems import documented
from serving.reached import service_of, switch_of
from serving.state_schemas import BundleInfo, Health, SwapRequest
from serving.telemetry import CONTENT_TYPE

router = APIRouter()


@router.get("/v1/bundle", openapi_extra=needs("read"))
async def bundle(request: Request) -> BundleInfo:
    """What is being served."""
    return service_of(request).info()


@router.post("/v1/bundle", responses=documented(400, 404, 408, 409, 413, 415, 422, 503), openapi_extra=needs("admin"))
async def swap(query: SwapRequest, request: Request) -> BundleInfo:
    """Serve another bundle from the next request on; a bad one changes nothing, and going back is the same call."""
    return await run_in_threadpool(switch_of(request).to, query.name)


@router.get("/v1/experiment", openapi_extra=needs("read"))
async def experiment(request: Request) -> CurrentExperiment:
    """Which experiment runs."""
    return CurrentExperiment(experiment=switch_of(request).lineup.experiment)


@router.put(
    "/v1/experiment", responses=documented(400, 404, 408, 409, 413, 415, 422, 503), openapi_extra=needs("admin")
)
async def run_experiment(query: Experiment, request: Request) -> CurrentExperiment:
    """Run an experiment in place of the one that runs; one that names a bad bundle changes nothing."""
    return await run_in_threadpool(switch_of(request).run, query)


@router.delete("/v1/experiment", responses=documented(503), openapi_extra=needs("admin"))
async def end_experiment(request: Request) -> CurrentExperiment:
    """End the experiment that runs: from the next request on the bundle in use answers everybody, as it is."""
    return await run_in_threadpool(switch_of(request).run, None)


@router.get("/health/live", response_model_exclude_none=True, openapi_extra=needs("anyone"))
async def live() -> Health:
    """The process answers."""
    return Health(status="live")


@router.get("/health/ready", response_model_exclude_none=True, openapi_extra=needs("anyone"))
async def ready(request: Request) -> Health:
    """A bundle is loaded and has answered once."""
    return Health(status="ready", bundle=service_of(request).bundle.digest)


@router.get("/openapi.json", include_in_schema=False, openapi_extra=needs("read"))
async def openapi(request: Request) -> JSONResponse:
    """What this service takes and gives."""
    return JSONResponse(request.app.openapi())


@router.get("/metrics", response_class=PlainTextResponse, openapi_extra=needs("read"))
async def metrics(request: Request) -> Response:
    """What this process has counted, for Prometheus."""
    text = await run_in_threadpool(request.app.state.telemetry.text)
    return Response(text, media_type=CONTENT_TYPE)
