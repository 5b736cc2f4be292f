"""One request, and who answers it how."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from recsys.schema import Lap
from serving.interleaved import Pair
from serving.reply import Reply
from serving.schemas import Query, RankRequest, RecommendRequest
from serving.service import Service
from serving.treatment import Treatment

Q = TypeVar("Q", bound=Query)
L = TypeVar("L", bound=RecommendRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[Q]):
    """One request, and who answers it how.

    Attributes:
        query: the request; it has a name.
        service: who answers.
        treatment: how.
        beside: the services of the other arms' bundles.
        second: who makes the other ranking of an interleaved list.
    """

    query: Q
    service: Service
    treatment: Treatment
    beside: tuple[Service, ...] = ()
    second: Service | None = None


def recommended(turn: Turn[L], *, seconds: float, lap: Lap) -> Reply:
    """The best items of the catalogue. Args: as for `Service.chosen`, of two of them half the time each."""
    query, service, treatment = turn.query, turn.service, turn.treatment
    if turn.second is None:
        return service.recommend(query, treatment=treatment, beside=turn.beside, seconds=seconds, lap=lap)
    pair = Pair(first=service, second=turn.second, treatment=treatment)
    return pair.answer(query, lambda one: one.chosen(query, seconds=seconds / 2, lap=lap))


def ranked(turn: Turn[RankRequest], *, seconds: float, lap: Lap) -> Reply:
    """The given items, best first. Args: likewise."""
    query, service, treatment = turn.query, turn.service, turn.treatment
    if turn.second is None:
        return service.rank(query, treatment=treatment, seconds=seconds, lap=lap)
    pair = Pair(first=service, second=turn.second, treatment=treatment)
    return pair.answer(query, lambda one: one.ordered(query, seconds=seconds / 2, lap=lap))
