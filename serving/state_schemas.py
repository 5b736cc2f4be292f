"""The shapes of events, users and bundles that cross the door, and of errors; adding is allowed, renaming is not."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from recsys.data.config import Config
from serving.fields import MAX_ITEMS, Id, Number, Role, Time

LATEST_EVENTS = 100
"""Events told of a user."""


class PostedEvent(Config):
    """Something a user did, to be remembered."""

    event_id: Id = Field(description="A name of its own: posted twice, an event counts once.")
    user_id: Id
    item_id: Id
    event: Role
    timestamp: Time = Field(description="When, with a zone.")
    value: Number | None = Field(None, description="A rating's stars or a purchase's amount.")
    request_id: Id | None = Field(None, description="The answer that led to it.")


class EventsRequest(Config):
    """POST /v1/events: what users did, all of it kept or nothing."""

    events: Annotated[tuple[PostedEvent, ...], Field(min_length=1, max_length=MAX_ITEMS)]


class Receipt(Config):
    """What became of posted events: they are on disk, and the next request of their users knows them."""

    accepted: int = Field(description="Events that were new; the others had been posted before.")
    unknown_items: list[str] = Field(description="Items that the catalogue does not know, or not yet; kept too.")


class UserEvent(Config):
    """Something a user did, as it is remembered."""

    item_id: str
    event: str
    timestamp: datetime
    value: float | None = None


class User(Config):
    """GET /v1/users/{user_id}: what lists for this user are made from."""

    user_id: str
    events: int = Field(description="How many are remembered; purchases that came back are none.")
    latest: list[UserEvent] = Field(description=f"The last {LATEST_EVENTS} of them, the last first.")


class Erased(Config):
    """DELETE /v1/users/{user_id}: from now on this is a newcomer."""

    user_id: str
    erased: int = Field(description="Posted events that were erased.")


class BundleInfo(Config):
    """GET /v1/bundle: what is being served."""

    bundle: str = Field(description="Digest of the bundle.")
    end: datetime = Field(description="The state knows every event before this instant.")
    users: int
    items: int
    catalog: str = Field(description="Digest of the catalogue.")
    encoder: str = Field(description="Digest of the text encoder.")


class SwapRequest(Config):
    """POST /v1/bundle: what to serve from now on."""

    name: Id = Field(description="The digest of a bundle beside the one served, or current: what the link points to.")


class Health(Config):
    """Alive, or ready with a bundle."""

    status: Literal["live", "ready"]
    bundle: str | None = None


class Problem(Config):
    """An error as application/problem+json (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="One sentence: what was expected, what came, where.")
