"""The shapes of items that cross the door."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from recsys.data.config import Config
from serving.fields import MAX_ITEMS, Id, Number, Time


def _writable(value: str) -> str:
    value.encode()  # a lone surrogate is no text: UTF-8, and so no file or encoder, can hold it
    return value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a year from 2 to 9998") from error


Text = Annotated[str, AfterValidator(_writable)]
UtcTime = Annotated[Time, AfterValidator(_utc)]


class Item(Config):
    """PUT /v1/items/{item_id}: all that an item is; what is left out it does not have."""

    item_id: Id | None = Field(None, description="The one of the path, if given at all.")
    title: Text | None = None
    description: Text | None = None
    category: Text | None = None
    brand: Text | None = None
    tags: Annotated[tuple[Text, ...], Field(max_length=MAX_ITEMS)] | None = None
    price: Annotated[Number, Field(ge=0)] | None = None
    created_at: UtcTime | None = None
    available_from: UtcTime | None = Field(None, description="Not recommended before.")
    available_until: UtcTime | None = Field(None, description="Not recommended from then on.")


def row_of(item_id: str, columns: str) -> dict[str, object]:
    """One row of `schema.ITEM_COLUMNS` from what a store keeps of an item, JSON.

    Raises:
        ValidationError: it is not what a PUT has left there.
    """
    item = Item.model_validate_json(columns)
    return item.model_dump() | {"item_id": item_id, "tags": None if item.tags is None else list(item.tags)}


class ItemReceipt(Config):
    """What became of a PUT or DELETE: all answers given from now on know of it."""

    item_id: str
    known: bool = Field(description="Whether the catalogue had this item.")
    text: str | None = Field(None, description="What the encoder reads of it; absent where it was taken away.")
    degraded: list[str] = Field([], description="What could not be used to read it; empty when all was well.")


class SimilarItem(Config):
    """One place of a list of similar items."""

    item_id: str
    rank: int = Field(description="From 1.")
    score: float = Field(description="Cosine of the two texts' vectors, in (0, 1].")


class Similar(Config):
    """GET /v1/items/{item_id}/similar: items whose texts are alike."""

    item_id: str
    as_of: datetime = Field(description="The instant the answer is true for.")
    bundle: str = Field(description="Digest of the bundle that answered.")
    items: list[SimilarItem]
