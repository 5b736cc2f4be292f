"""Settings of the cross-encoder."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.data.config import Config
from recsys.text.config import OptimiserConfig


class CrossEncoderConfig(Config):
    """How a model that reads history and candidate together learns: strong, slow, and a teacher only."""

    history_items: int = Field(5, ge=1, description="How many of a user's latest positive events are read.")
    title_tokens: int = Field(12, ge=1, description="A text of the history is cut to this many tokens.")
    candidate_tokens: int = Field(24, ge=1, description="A candidate's text is cut to this many tokens.")
    candidates: int = Field(8, ge=2, description="Texts a user is to choose from in a step, the one taken included.")
    hard: int = Field(
        3,
        ge=0,
        description="How many of them are near the user by the two-tower teacher, where one is given; the "
        "others go by popularity.",
    )
    loss: Literal["softmax", "pointwise"] = Field(
        "softmax", description="softmax over a user's candidates, or taken or not for each by itself."
    )
    optimiser: OptimiserConfig = OptimiserConfig(layer_rate=1e-4)
    tune: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        "all", description="What learns beside the head: the top n layers, or all of them."
    )
    users_per_step: int = Field(16, ge=1, description="Users in one step.")
    max_steps: int = Field(100, ge=0, description="Most steps.")
    evaluate_every: int = Field(20, ge=1, description="Steps between two looks at the judging users.")
    judges: int = Field(100, ge=1, description="Most users of the validation window that judge.")
    patience: int = Field(3, ge=1, description="Looks without a lower loss after which training stops.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of users and candidates.")
