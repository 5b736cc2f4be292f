"""The routes that find items, users and bundles."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from serving import catalog
from serving.auth import needs
from serving.catalog_schemas import MOST_FOUND, Bundles, Items, Users
from serving.fields import ID_BYTES, Id
from serving.problems import documented
from serving.reached import service_of, switch_of

router = APIRouter()

_Limit = Annotated[int, Query(ge=1, le=MOST_FOUND)]
_Named = Annotated[list[Id] | None, Query(max_length=MOST_FOUND, description="Only these.")]
_Words = Annotated[
    str, Query(max_length=ID_BYTES, description="Each of these words must be a part of the id or the title.")
]
_Prefix = Annotated[str, Query(max_length=ID_BYTES, description="What their ids start with.")]


@router.get(
    "/v1/items",
    responses=documented(422, 503),
    response_model_exclude_none=True,
    openapi_extra=needs("read"),
)
async def items(request: Request, item_id: _Named = None, q: _Words = "", limit: _Limit = 20) -> Items:
    """Items of the catalogue."""
    service = service_of(request)
    return await run_in_threadpool(catalog.items, service, item_id, q, limit)


@router.get("/v1/users", responses=documented(422, 503), openapi_extra=needs("admin"))
async def users(request: Request, prefix: _Prefix = "", limit: _Limit = 20) -> Users:
    """Users by the start of their id: those that the bundle knows, and one it does not know whose whole id is given."""
    service = service_of(request)
    return await run_in_threadpool(catalog.users, service, prefix, limit)


@router.get("/v1/bundles", openapi_extra=needs("read"))
async def bundles(request: Request) -> Bundles:
    """What stands beside the bundle in use."""
    switch = switch_of(request)
    return await run_in_threadpool(catalog.bundles, switch.lineup, switch.root)
