"""The shapes of lists that are tried, and of items that are drafts; adding is allowed, renaming is not."""

from pydantic import Field

from recsys.data.config import Config
from serving.experiments import Name
from serving.item_schemas import Item, SimilarItem
from serving.schemas import Answer, RankedItem, RecommendRequest


class PreviewRequest(RecommendRequest):
    """POST /v1/preview: a list that nobody is shown."""

    arm: Name | None = Field(
        None,
        description="Whose: an arm of the experiment that runs, or `default`, the bundle in use as it is; if not set, "
        "the one that would answer.",
    )


class DraftRequest(PreviewRequest):
    """POST /v1/draft: the same list, were an item in the catalogue."""

    item: Item = Field(
        description="What it would be; with the item_id of a known item, what that one would be instead."
    )


class Landing(Config):
    """Where an item would be found."""

    item_id: str
    known: bool = Field(description="Whether the catalogue has an item of this name.")
    text: str = Field(description="What the encoder reads of it.")
    degraded: list[str] = Field(description="What could not be used to read it; empty when all was well.")
    proposed: int = Field(description="Items that are ranked for this user, 1000 at most.")
    place: RankedItem | None = Field(
        None, description="Its place among these; absent where no source proposes it or a filter leaves it out."
    )
    similar: list[SimilarItem] = Field(description="Items of the catalogue that read like it, nearest first.")


class Draft(Config):
    """What /v1/draft returns: nothing of it is kept."""

    landing: Landing
    answer: Answer
