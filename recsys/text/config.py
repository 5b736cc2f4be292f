"""Settings of the text room."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from recsys.data.config import Config


def _falling(dims: tuple[int, ...] | str) -> tuple[int, ...] | str:
    if not isinstance(dims, str) and (list(dims) != sorted(set(dims), reverse=True) or min(dims, default=1) < 1):
        raise ValueError(f"expected falling widths such as [256, 128, 64], got {list(dims)}")
    return dims


Dims = Annotated[tuple[int, ...] | Literal["auto"], AfterValidator(_falling)]
"""Widths of vectors, falling; auto is a half and a quarter of the whole: 128 and 64 of 256."""


class ObjectiveConfig(Config):
    """What the teacher is taught: a sum of losses, each with its weight."""

    softmax: float = Field(1.0, ge=0, description="Weight of the sampled softmax over the step's items.")
    logq: float = Field(
        0.5, ge=0, le=1, description="Strength of the logQ correction: 1 learns popularity in full, 0 leaves it out."
    )
    pointwise: float = Field(0.05, ge=0, description="Weight of the pointwise cross-entropy of taken or not.")
    pairwise: float = Field(0.0, ge=0, description="Weight of the pairwise ranking loss over the step's items (BPR).")
    impressions: float = Field(
        0.0, ge=0, description="Weight of the softmax against what the same user was shown and did not take."
    )
    dims: Dims = Field(
        "auto",
        description="Narrower widths at which the first numbers of the vectors learn too, each as much as the whole, "
        "falling; auto: a half and a quarter of it, 128 and 64 of 256.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.softmax + self.pointwise + self.pairwise + self.impressions == 0:
            raise ValueError("expected a weight above 0 for softmax, pointwise, pairwise or impressions, all are 0")
        return self


class OptimiserConfig(Config):
    """How weights follow gradients."""

    name: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or stochastic gradient descent with momentum.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Share of the last step that goes on in the next; for sgd.")
    schedule: Literal["linear", "cosine"] = Field(
        "linear", description="How the learning rates fall after the warm-up, to 2 % at the last step."
    )
    layer_rate: float = Field(2e-4, gt=0, description="Learning rate of the layers.")
    head_rate: float = Field(1e-3, gt=0, description="Learning rate of projection and map.")
    pooling_rate: float = Field(1e-2, gt=0, description="Learning rate of query, age bias, scale and calibration.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled decay of the layers' weights.")
    warmup: float = Field(0.1, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")


class ContinualConfig(Config):
    """How a teacher goes on from the last one when newer events have come."""

    start: str = Field(
        "", description="Directory of the last teacher, RUN/teacher, to go on from; empty: start from the base."
    )
    penalty: Literal["none", "distill", "l2sp"] = Field(
        "distill", description="What keeps old knowledge: distill, the last teacher's vectors; l2sp, its weights."
    )
    weight: float = Field(5.0, ge=0, description="Weight of the penalty beside the objective.")
    replay: float = Field(
        0.5, ge=0, lt=1, description="Share of a step's users who get a moment before the last teacher's encoder_end."
    )
    steps: int = Field(40, ge=0, description="Steps of an update, in place of head_steps and max_steps.")


class FinetuneConfig(Config):
    """How the teacher learns from the log."""

    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    continual: ContinualConfig = ContinualConfig()
    whitening: bool = Field(
        True,
        description="Whether the base's vectors are spread evenly before the first step, by what the shop's texts "
        "differ in; else they are only centred.",
    )
    agreement: float = Field(
        0.667,
        ge=0,
        le=1,
        description="How many numbers a vector has, as a share of the base's: the axes along which the items of a user "
        "agree most, the most telling first; 0 leaves all axes as they are.",
    )
    tune: Annotated[int, Field(ge=1)] | Literal["all", "lora"] = Field(
        2,
        description="What learns: the top n layers, over cached states below them; all layers; or low-rank updates of "
        "all layers. Word embeddings stay as they are.",
    )
    lora_rank: int = Field(8, ge=1, description="Rank of the low-rank updates.")
    lora_alpha: int = Field(16, ge=1, description="Low-rank updates count lora_alpha / lora_rank times.")
    history_items: int = Field(50, ge=1, description="How many of a user's latest positive events are read.")
    head_steps: int = Field(
        60, ge=0, description="Steps for the projection and the user's pooling alone, before any layer learns."
    )
    max_steps: int = Field(60, ge=0, description="Steps for which the layers learn as well.")
    users_per_step: int = Field(512, ge=1, description="Most users in one step.")
    tokens_per_step: int = Field(
        20_000, ge=1, description="Tokens of distinct texts in one step, the cost of a step; fewer users if needed."
    )
    targets_per_user: int = Field(8, ge=1, description="Most items to be predicted for one user in one step.")
    negatives: int = Field(0, ge=0, description="Texts drawn uniformly into each step beside those of its users.")
    shown_per_user: int = Field(
        8, ge=1, description="Most texts a user was shown and left, the latest, in a step; for objective.impressions."
    )
    hard_negatives: int = Field(
        0, ge=0, description="Texts near each user, not taken by the user, drawn into each step; mined at each look."
    )
    hard_pool: int = Field(50, ge=1, description="How many of the nearest texts hard negatives are drawn from.")
    hard_skip: int = Field(
        10, ge=0, description="How many of the very nearest are left out: they may be what the user takes next."
    )
    evaluate_every: int = Field(20, ge=1, description="Steps between two looks at the validation window.")
    gain_errors: float = Field(
        2.0,
        ge=0,
        description="Standard errors, over the validation users, by which a look must be better than the start of its "
        "phase to be kept: what changes without a sure gain unlearns more than it learns.",
    )
    patience: int = Field(4, ge=1, description="Looks without a surely better nDCG@10, after which training stops.")
    valid_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Last fraction of the positive events before encoder_end: there every third user's events do not "
        "teach but judge, for early stopping and calibration.",
    )
    calibration: Literal["platt", "isotonic"] = Field(
        "platt", description="How a score becomes interest: by a logistic curve, or by a rising one of any form."
    )
    accumulate: int = Field(1, ge=1, description="Draws of users whose gradients are averaged into one step.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of states and attention that learning layers drop.")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="Number format of the layers' arithmetic while they learn; weights stay fp32."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where training computes; auto takes a GPU a worker if there are as many."
    )
    cache_gib: float = Field(
        20.0, ge=0, description="Most GiB on disk for the states below the layers that learn; if more, computed anew."
    )
    threads: int = Field(2, ge=1, description="Threads of one worker; another number may round differently.")
    workers: int = Field(
        1, ge=1, description="Most processes that share the work of each step; they learn what one would."
    )
    max_failures: int = Field(3, ge=0, description="How often workers that died are started again.")
    seed: int = Field(0, ge=0, description="Seed of the users drawn in each step.")
