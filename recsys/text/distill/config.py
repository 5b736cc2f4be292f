"""Settings of distillation."""

from typing import Literal

from pydantic import Field

from recsys.data.config import Config


class DistillConfig(Config):
    """How the student learns from the teacher."""

    layers: int = Field(3, ge=1, description="Layers of the student, copied from the teacher's at even distances.")
    frozen_layers: int = Field(1, ge=0, description="How many of the student's lowest layers stay as copied.")
    prune: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the numbers in the student's layers that is taken away before it learns; then every "
        "layer learns, frozen_layers or not.",
    )
    pruning: Literal["structured", "magnitude"] = Field(
        "structured",
        description="What is taken away: whole attention heads and feed-forward units, those that matter least; or the "
        "smallest weights, which become zeros and save nothing.",
    )
    max_steps: int = Field(100, ge=0, description="Steps.")
    tokens_per_step: int = Field(4_096, ge=1, description="Tokens of texts in one step, the cost of a step.")
    rate: float = Field(3e-4, gt=0, description="Learning rate.")
    warmup: float = Field(0.05, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    users_per_step: int = Field(64, ge=0, description="Users whose score distributions are matched in one step.")
    scores: float = Field(0.5, ge=0, description="Weight of the score distributions beside the vectors.")
    temperature: float = Field(0.1, gt=0, description="Temperature of the score distributions.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the order of texts and users.")
