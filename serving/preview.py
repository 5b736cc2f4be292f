"""Lists that nobody is shown: of any arm, with an item that is not there; nothing is kept, counted or logged."""

from dataclasses import dataclass, replace
from typing import TypeVar

import orjson

from recsys.schema import unheard
from serving.fields import MAX_ITEMS
from serving.item_schemas import Item
from serving.preview_schemas import DraftRequest, Landing, PreviewRequest
from serving.reply import Reply
from serving.service import Service
from serving.similar import similar
from serving.stock import stocked
from serving.store import ItemChange
from serving.turn import Turn, recommended

P = TypeVar("P", bound=PreviewRequest)

SIMILAR = 5
"""Items told of that read like a draft."""

_NAME = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What `preview_schemas.Draft` describes.

    Attributes:
        landing: where the draft is found.
        reply: the list with it.
    """

    landing: Landing
    reply: Reply

    def json(self) -> bytes:
        """As JSON; what is not there is left out."""
        landing = self.landing.model_dump(exclude_none=True)
        return orjson.dumps({"landing": landing, "answer": orjson.Fragment(self.reply.json())})


def unlogged(turn: Turn[P]) -> Turn[P]:
    """The same turn, in no log: whoever reads it must not take the list for one that somebody has seen."""
    second = None if turn.second is None else replace(turn.second, journal=None)
    return replace(turn, service=replace(turn.service, journal=None), second=second)


def drafted(turn: Turn[DraftRequest], *, seconds: float) -> Drafted:
    """The list with the draft in the catalogue, and where it lands.

    Args:
        turn: in no log.
        seconds: how long each of its lists may take.
    """
    name, known = _named(turn.service, turn.query.item)
    tried = replace(turn, service=_with(turn.service, name, turn.query.item))
    if turn.second is not None:
        tried = replace(tried, second=_with(turn.second, name, turn.query.item))
    every = turn.query.model_copy(update={"k": MAX_ITEMS, "explain": False})
    places = recommended(replace(tried, query=every), seconds=seconds, lap=unheard).items
    reply = recommended(tried, seconds=seconds, lap=unheard)
    told = tried.service.item(name, known=known)
    near = similar(tried.service, name, SIMILAR)
    landing = Landing(
        item_id=name,
        known=known,
        text=told.text or "",
        degraded=told.degraded,
        proposed=len(places),
        place=next((place for place in places if place.item_id == name), None),
        similar=[] if near is None else near.items,
    )
    return Drafted(landing=landing, reply=reply)


def _named(service: Service, item: Item) -> tuple[str, bool]:
    """What the draft is called, and whether an item of that name is there; without a name it gets one that is free."""
    if item.item_id is not None:
        return item.item_id, service.has(item.item_id)
    index, name, n = service.bundle.catalog.vocabulary.index, _NAME, 1
    while name in index:
        name, n = f"{_NAME}-{n}", n + 1
    return name, False


def _with(service: Service, name: str, item: Item) -> Service:
    change = ItemChange(number=service.stock, item_id=name, columns=item.model_dump_json(exclude_none=True))
    return stocked(service, [change])
