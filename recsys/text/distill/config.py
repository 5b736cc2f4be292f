"""Settings of distillation."""

from typing import Literal, Self

from pydantic import Field, model_validator

from recsys.data.config import Config
from recsys.text.config import Dims


class CrossTeacherConfig(Config):
    """A cross-encoder that the student also ranks alike: strong, and asked only once, before the first step."""

    directory: str = Field("", description="Directory of a trained cross-encoder; empty: none teaches.")
    weight: float = Field(0.5, ge=0, description="Weight of its score distributions beside the other losses.")
    users: int = Field(200, ge=1, description="Users it is asked about, the cost of asking.")
    candidates: int = Field(16, ge=2, description="Texts a user it is asked about: the nearest by the teacher.")
    temperature: float = Field(1.0, gt=0, description="Temperature of its score distributions.")

    @property
    def teaches(self) -> bool:
        """Whether there is one that counts."""
        return bool(self.directory) and self.weight > 0


class DistillConfig(Config):
    """How the student learns from the teacher: a sum of losses, each with its weight."""

    kind: Literal["transformer", "static"] = Field(
        "transformer",
        description="What the student is: some of the teacher's layers; or a table of tokens without a layer, for "
        "very high rates, to which layers, width, frozen_layers and prune say nothing.",
    )
    layers: int = Field(3, ge=1, description="Layers of the student, copied from the teacher's at even distances.")
    width: int = Field(
        0,
        ge=0,
        description="Width of the student's states, whole attention heads of the teacher's: the most important stay, "
        "and every layer learns, frozen_layers or not. 0: as wide as the teacher.",
    )
    frozen_layers: int = Field(1, ge=0, description="How many of the student's lowest layers stay as copied.")
    vectors: float = Field(1.0, ge=0, description="Weight of the distance to the teacher's vectors.")
    hidden: float = Field(0.0, ge=0, description="Weight of the distance to the teacher's states of tokens.")
    hidden_distance: Literal["mse", "cosine"] = Field(
        "mse", description="Distance of states: squared, as a share of the teacher's squared states, or 1 - cosine."
    )
    scores: float = Field(0.5, ge=0, description="Weight of the distance to the teacher's score distributions.")
    temperature: float = Field(0.1, gt=0, description="Temperature of the score distributions.")
    labels: float = Field(
        0.0,
        ge=0,
        description="Weight of the finetune objective's softmax of what users take, by the teacher's user tower.",
    )
    teachers: tuple[str, ...] = Field(
        (), description="Directories of further teachers, RUN/teacher: vectors and score distributions are averaged."
    )
    cross: CrossTeacherConfig = CrossTeacherConfig()
    dims: Dims = Field(
        (),
        description="Narrower widths at which the first numbers of the vectors learn too, each as much as the whole.",
    )
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
    max_steps: int = Field(500, ge=0, description="Steps.")
    tokens_per_step: int = Field(
        4_096,
        ge=1,
        description="Tokens of texts in one step, the cost of a step; split evenly among a pass over all texts, "
        "candidates, labels and cross-encoder, as far as they are asked for.",
    )
    rate: float = Field(3e-4, gt=0, description="Learning rate.")
    warmup: float = Field(0.05, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    users_per_step: int = Field(64, ge=0, description="Users whose score distributions are matched in one step.")
    candidates: int = Field(
        0,
        ge=0,
        description="Texts nearest to a user by the teacher that join a step, for as many of its users as there is "
        "room for; 0: score distributions are over the texts of the pass.",
    )
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the order of texts and users.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        scores = self.scores if self.users_per_step else 0
        if self.vectors + self.hidden + self.labels + scores == 0 and not self.cross.teaches:
            raise ValueError("expected a weight above 0 for vectors, hidden, scores, with users, or labels, all are 0")
        if self.kind == "static" and self.hidden + self.prune > 0:
            raise ValueError("expected hidden and prune at 0 for kind static: a table of tokens has no layers")
        return self
