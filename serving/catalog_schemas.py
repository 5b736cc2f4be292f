"""The shapes of what is found in catalogue, users and bundles; adding is allowed, renaming is not."""

from datetime import datetime

from pydantic import Field

from recsys.data.config import Config
from serving.item_schemas import Item

MOST_FOUND = 100
"""Most items, users or bundles of one answer."""


class Items(Config):
    """GET /v1/items: items of the catalogue; what has been taken away is none."""

    items: list[Item] = Field(description="With their item_id, in the order asked for, else the catalogue's.")
    more: bool = Field(description="Whether there are more than were asked for.")


class Users(Config):
    """GET /v1/users: whom lists can be asked for."""

    users: list[str] = Field(description="Their ids, in order; erased users are left out.")
    more: bool = Field(description="Whether there are more than were asked for.")


class BundleFound(Config):
    """A bundle beside the one in use."""

    bundle: str = Field(description="Digest of the bundle.")
    published: datetime = Field(description="When it was put there.")
    current: bool = Field(description="Whether it is the one in use.")
    loaded: bool = Field(description="Whether this process has it: in use, or named by an arm.")


class Bundles(Config):
    """GET /v1/bundles: what can be swapped to, or named by an arm."""

    bundles: list[BundleFound] = Field(description=f"The last published first, {MOST_FOUND} at most.")
