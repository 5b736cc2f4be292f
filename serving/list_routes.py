"""The routes that answer with a list for a user."""

import time
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from recsys.schema import Lap
from serving.auth import needs
from serving.direct import DirectRoute
from serving.lane import Lane
from serving.limits import Limits
from serving.problems import documented
from serving.reached import switch_of
from serving.reply import Reply
from serving.schemas import Answer, RankRequest, RecommendRequest
from serving.turn import ranked, recommended
from serving.watch import visit_of

router = APIRouter(route_class=DirectRoute)


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


@router.post(
    "/v1/recommend",
    response_model=Answer,
    responses=documented(400, 408, 413, 415, 422, 503),
    openapi_extra=needs("read"),
)
async def recommend(query: RecommendRequest, request: Request) -> Response:
    """The best items of the catalogue for a user."""
    switch = switch_of(request)
    turn = switch.lineup.turn(query)

    def work(left: float, lap: Lap) -> Reply:
        return recommended(turn, seconds=left, lap=lap)

    answer = await _answered(request, work, deadline_ms=query.deadline_ms)
    switch.remember(query)
    if turn.service.bundle.digest == switch.service.bundle.digest:  # drift is told of the bundle in use
        request.app.state.sampler.offer(turn.service, query)
    return answer


@router.post(
    "/v1/rank", response_model=Answer, responses=documented(400, 408, 413, 415, 422, 503), openapi_extra=needs("read")
)
async def rank(query: RankRequest, request: Request) -> Response:
    """The given items, best first; those the catalogue does not know are listed apart."""
    switch = switch_of(request)
    turn = switch.lineup.turn(query)

    def work(left: float, lap: Lap) -> Reply:
        return ranked(turn, seconds=left, lap=lap)

    answer = await _answered(request, work, deadline_ms=query.deadline_ms)
    switch.remember(query)
    return answer
