"""The routes that tell of users and items, and change what is known of them."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving import desk
from serving.auth import needs
from serving.fields import MAX_ITEMS, Id
from serving.item_schemas import Item, ItemReceipt, Similar
from serving.journal import Journal
from serving.lane import Lane
from serving.limits import LateError, Limits
from serving.paths import take_ids
from serving.problems import documented
from serving.reached import service_of, switch_of
from serving.similar import similar
from serving.state_schemas import Erased, EventsRequest, Receipt, User

R = TypeVar("R")

take_ids()
router = APIRouter()


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


@router.post("/v1/events", responses=documented(400, 408, 409, 413, 415, 422, 503), openapi_extra=needs("write"))
async def events(query: EventsRequest, request: Request) -> Receipt:
    """Remember what users did; on disk before it is acknowledged."""
    service = service_of(request)
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
    service = service_of(request)
    found = await _at_desk(request, lambda: desk.user(service, user_id))
    if found is None:
        raise HTTPException(404, f"Nothing is known of user {user_id!r}; lists for them are a newcomer's.")
    return found


@router.delete("/v1/users/{user_id:id}", responses=documented(422, 503), openapi_extra=needs("write"))
async def forget(user_id: Id, request: Request) -> Erased:
    """Erase a user: what was posted is deleted, also from the log, what the bundle knows is not used any more."""
    service = service_of(request)
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
    switch = switch_of(request)
    known = switch.service.has(item_id)
    columns = None if item is None else item.model_dump_json(exclude_none=True)
    await run_in_threadpool(switch.clerk.change, {item_id: columns})
    return switch.service.item(item_id, known=known)


@router.get("/v1/items/{item_id:id}/similar", responses=documented(404, 422, 503), openapi_extra=needs("read"))
async def similar_items(item_id: Id, request: Request, k: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 20) -> Similar:
    """Items that read like this one and can be recommended now, nearest first."""
    service = service_of(request)
    lane: Lane = request.app.state.lane
    found: Similar | None = await lane.run(lambda _left: similar(service, item_id, k), seconds=0)
    if found is None:
        raise HTTPException(404, f"The catalogue has no item {item_id!r}; put it first.")
    return found
