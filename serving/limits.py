"""How much may be asked at once, and how long it may take."""

from pydantic import Field

from recsys.data.config import Config
from recsys.errors import RecsysError
from serving.gate import Door


class LateError(RecsysError):
    """A request whose turn did not come in time."""


_ANSWERS = ("/v1/recommend", "/v1/rank", "/v1/preview", "/v1/draft")
_STATE = ("/v1/events", "/v1/users", "/v1/items")


class Limits(Config):
    """What keeps answers fast, and memory bounded, when more is asked than the machine can do."""

    answers: int = Field(16, ge=1, description="Requests for lists that may be inside at once; others get 503.")
    changes: int = Field(64, ge=1, description="The same of requests about events, users and items.")
    deadline_ms: int = Field(1000, ge=1, description="How long a list may take that says nothing else.")
    state_ms: int = Field(10_000, ge=1, description="How long a request about events and users may wait for its turn.")
    body_seconds: float = Field(10.0, gt=0, description="How long a body may take to arrive; others get 408.")
    samples_per_minute: float = Field(
        12.0, ge=0, description="Lists that are looked at once more, beside the answers, for drift and recall, at most."
    )

    @property
    def doors(self) -> tuple[Door, ...]:
        """How many requests may be inside, by the start of their path."""
        return Door(starts=_ANSWERS, places=self.answers), Door(starts=_STATE, places=self.changes)


USUAL = Limits()
