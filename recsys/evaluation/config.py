"""Settings of the evaluation room."""

from typing import Annotated

from pydantic import Field

from recsys.data.config import Config


class EvaluationConfig(Config):
    """How lists are judged."""

    lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (10, 20), min_length=1, description="List lengths k at which every metric is taken, in items."
    )
    samples: int = Field(2000, ge=100, description="Bootstrap resamples of users behind each 95 % interval.")
    seed: int = Field(0, ge=0, description="Seed of the resamples and of the choice of users.")
    max_users: int = Field(20_000, ge=1, description="At most this many users are judged, chosen at random.")
    new_user_span: float = Field(
        0.1, ge=0, le=1, description="New is a user whose first event lies in this last fraction of the log's span."
    )
    few_events: int = Field(3, ge=1, description="New is, too, a user with fewer positive events than this.")


class GateConfig(Config):
    """What an evaluation must show before anything is released."""

    student_share: float = Field(
        0.9, ge=0, description="The student alone keeps at least this share of the teacher's headline metric."
    )
    not_below: str = Field(
        "popularity", description="The lists must not be significantly worse than this method's; empty asks nothing."
    )
