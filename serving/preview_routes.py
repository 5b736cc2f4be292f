"""The routes that show what would be answered, to whoever looks after the shop; see `preview`."""

from fastapi import APIRouter, Request, Response

from recsys.schema import unheard
from serving.auth import needs
from serving.direct import DirectRoute
from serving.lane import Lane
from serving.limits import LateError, Limits
from serving.preview import P, drafted, unlogged
from serving.preview_schemas import Draft, DraftRequest, PreviewRequest
from serving.problems import documented
from serving.reached import switch_of
from serving.schemas import Answer
from serving.turn import Turn, recommended

router = APIRouter(route_class=DirectRoute)


def _turn(query: P, request: Request) -> Turn[P]:
    lineup = switch_of(request).lineup
    return unlogged(lineup.turn(query) if query.arm is None else lineup.turn_of(query, query.arm))


@router.post(
    "/v1/preview",
    response_model=Answer,
    responses=documented(400, 404, 408, 413, 415, 422, 503),
    openapi_extra=needs("read"),
)
async def preview(query: PreviewRequest, request: Request) -> Response:
    """The list that a user, or an arm, would get: in no log and no count, so not for showing to users."""
    turn = _turn(query, request)
    lane: Lane = request.app.state.lane
    limits: Limits = request.app.state.limits
    seconds = (query.deadline_ms or limits.deadline_ms) / 1e3
    body = await lane.run(lambda left: recommended(turn, seconds=left, lap=unheard).json(), seconds=seconds)
    return Response(body, media_type="application/json")


@router.post(
    "/v1/draft",
    response_model=Draft,
    responses=documented(400, 404, 408, 413, 415, 422, 503),
    openapi_extra=needs("write"),
)
async def draft(query: DraftRequest, request: Request) -> Response:
    """The same list, were an item in the catalogue, and where it lands: nothing is kept; one at a time is tried."""
    turn = _turn(query, request)
    bench: Lane = request.app.state.bench
    limits: Limits = request.app.state.limits

    def work(left: float) -> bytes:
        if left <= 0:
            raise LateError(f"It was not this draft's turn within {limits.state_ms} ms; try again.")
        return drafted(turn, seconds=left).json()

    return Response(await bench.run(work, seconds=limits.state_ms / 1e3), media_type="application/json")
