"""The shapes of requests for lists, and of lists, that cross the door; adding is allowed, renaming is not."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StrictBool, StrictInt, model_validator

from recsys.data.config import Config
from recsys.ranking.reasons import Group
from serving.fields import MAX_ITEMS, Id, ItemIds, Number, Role, Time, Whole, whole

MAX_DEADLINE_MS = 60_000
"""Longest time that a request may wait."""

MAX_CONTEXT = 64
"""Most entries of a request's context."""


class HistoryEvent(Config):
    """Something the user did, told by the client."""

    item_id: Id
    event: Role
    timestamp: Time | None = Field(None, description="When, with a zone; without it: just now, in the given order.")
    value: Number | None = Field(None, description="A rating's stars or a purchase's amount.")


class Facet(Config):
    """Which values of a column an item may carry; for tags, any one of them counts."""

    any: ItemIds | None = Field(None, description="Only items with one of these.")
    none: ItemIds | None = Field(None, description="No item with one of these.")


class PriceRange(Config):
    """Bounds of the price, both inclusive; an item without a price is outside every bound."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"expected min at most max, got {self.min} and {self.max}")
        return self


class ItemList(Config):
    """Named items."""

    allow: ItemIds | None = Field(None, description="Only these.")
    deny: ItemIds | None = Field(None, description="None of these.")


class Filters(Config):
    """What the answer may hold; all given conditions must be met."""

    category: Facet | None = None
    brand: Facet | None = None
    tags: Facet | None = None
    price: PriceRange | None = None
    item_ids: ItemList | None = None


_ONE_USER: list[JsonValue] = [
    {"required": ["user_id"], "properties": {"user_id": {"type": "string"}, "history": {"type": "null"}}},
    {"required": ["history"], "properties": {"history": {"type": "array"}, "user_id": {"type": "null"}}},
]


class Query(Config):
    """What both kinds of request share."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_USER})

    user_id: Id | None = Field(None, description="A known user's state is used; an unknown one gets a newcomer's list.")
    history: Annotated[tuple[HistoryEvent, ...], Field(max_length=MAX_ITEMS)] | None = Field(
        None, description="Instead of user_id: what the user did, oldest first."
    )
    exclude_seen: StrictBool | None = Field(
        None, description="Leave out what the user has taken or turned down; by default as the bundle was trained."
    )
    filters: Filters | None = None
    context: Annotated[dict[Id, str | float | bool | None], Field(max_length=MAX_CONTEXT)] | None = Field(
        None, description="What is known about the request, such as device or page."
    )
    explain: StrictBool = Field(False, description="Say why, in words and in each feature's contribution.")
    deadline_ms: Annotated[StrictInt, Field(ge=1, le=MAX_DEADLINE_MS), BeforeValidator(whole)] | None = Field(
        None,
        description="How long the answer may take; where the time for all candidates is not left, `degraded` says so.",
    )
    request_id: Id | None = Field(None, description="Returned with the answer; made up where missing.")

    @model_validator(mode="after")
    def _one_user(self) -> Self:
        if (self.user_id is None) == (self.history is None):
            got = "neither" if self.user_id is None else "both"
            raise ValueError(f"expected exactly one of user_id and history, got {got}")
        return self


class RecommendRequest(Query):
    """POST /v1/recommend: the best items of the catalogue for a user."""

    k: Whole = Field(20, ge=1, le=MAX_ITEMS, description="Most items in the answer.")


class RankRequest(Query):
    """POST /v1/rank: the given items, best first."""

    item_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_ITEMS)] = Field(
        description="What to rank; an item named twice counts once."
    )


class Reason(Config):
    """Something that speaks for an item: a group of features that add to its score."""

    group: Group = Field(description="What the features are about.")
    text: str = Field(description="A sentence for people; the first reason's says which source brought the item, too.")
    share: float = Field(description="Of all that speaks for the item, in (0, 1].")


class Because(Config):
    """The item of the user's history that stands for an item most."""

    item_id: str
    title: str | None


class Explanation(Config):
    """Why an item has its score."""

    base: float = Field(description="The score before any feature speaks.")
    contributions: dict[str, float] = Field(description="Feature → what it added; with base they sum to the raw score.")
    reasons: list[Reason] = Field(description="What speaks for the item, strongest first; may be empty.")
    because: Because | None = Field(None, description="Left out where no item of the history speaks for it.")


class RankedItem(Config):
    """One place of the answer."""

    item_id: str
    rank: int = Field(description="From 1.")
    score: float = Field(description="Higher is better; comparable within one answer of one ranking.")
    interest: float = Field(description="The text encoder's probability in [0, 1] that the user is interested.")
    probability: float | None = Field(
        None,
        description="The ranker's probability in [0, 1] that the user takes the item, if it is a candidate, within a "
        "window like the one it was taught on, if the user comes back in it; absent where it could not be fitted.",
    )
    propensity: float = Field(description="Probability of this item at this position; 1 where nothing was drawn.")
    sources: list[str] = Field(description="Which retrieval sources proposed it.")
    rules: list[str] | None = Field(None, description="What moved it besides its score; absent where nothing did.")
    explanation: Explanation | None = None


class Answer(Config):
    """What both kinds of request return."""

    request_id: str
    as_of: datetime = Field(description="The instant the answer is true for; only earlier events were used.")
    bundle: str = Field(description="Digest of the bundle that answered.")
    arm: str = Field(description="Arm of the experiment.")
    policy: str = Field(description="How places were filled.")
    degraded: list[str] = Field(description="What could not be used for this answer; empty when all was well.")
    unknown_items: list[str] = Field(description="Items of the request that the catalogue does not know.")
    items: list[RankedItem]
