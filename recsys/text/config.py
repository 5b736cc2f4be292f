"""Settings of the text room."""

from typing import Literal

from pydantic import Field

from recsys.data.config import Config


class EncoderConfig(Config):
    """The model that reads item text."""

    base: str = Field(
        "all-MiniLM-L6-v2", description="The pretrained encoder: this name, or the folder of a BERT-family model."
    )
    pooling: Literal["mean", "attention"] = Field(
        "mean", description="How token states become one vector; attention starts as the mean and is learned."
    )
    max_tokens: int = Field(32, ge=4, description="Text is cut to this many tokens.")


class ObjectiveConfig(Config):
    """What the teacher is taught: a sum of losses, each with its weight."""

    softmax: float = Field(1.0, ge=0, description="Weight of the sampled softmax over the step's items.")
    logq: float = Field(
        0.5, ge=0, le=1, description="Strength of the logQ correction: 1 learns popularity in full, 0 leaves it out."
    )
    pointwise: float = Field(0.05, ge=0, description="Weight of the pointwise cross-entropy of taken or not.")


class OptimiserConfig(Config):
    """How weights follow gradients."""

    layer_rate: float = Field(2e-4, gt=0, description="Learning rate of the layers.")
    head_rate: float = Field(1e-3, gt=0, description="Learning rate of projection and map.")
    pooling_rate: float = Field(1e-2, gt=0, description="Learning rate of query, age bias, scale and calibration.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled decay of the layers' weights.")
    warmup: float = Field(0.1, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")


class FinetuneConfig(Config):
    """How the teacher learns from the log."""

    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    train_layers: int = Field(2, ge=1, description="How many of the top layers learn; the states below are cached.")
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
    evaluate_every: int = Field(20, ge=1, description="Steps between two looks at the validation window.")
    patience: int = Field(4, ge=1, description="Looks without a better nDCG@10 after which training stops.")
    valid_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Last fraction of the positive events before encoder_end: there every third user's events do not "
        "teach but judge, for early stopping and calibration.",
    )
    threads: int = Field(2, ge=1, description="Threads of one worker; another number may round differently.")
    workers: int = Field(1, ge=1, description="Processes that share each step's users.")
    seed: int = Field(0, ge=0, description="Seed of the users drawn in each step.")


class DistillConfig(Config):
    """How the student learns from the teacher."""

    layers: int = Field(3, ge=1, description="Layers of the student, copied from the teacher's at even distances.")
    frozen_layers: int = Field(1, ge=0, description="How many of the student's lowest layers stay as copied.")
    max_steps: int = Field(100, ge=0, description="Steps.")
    tokens_per_step: int = Field(4_096, ge=1, description="Tokens of texts in one step, the cost of a step.")
    rate: float = Field(3e-4, gt=0, description="Learning rate.")
    warmup: float = Field(0.05, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    users_per_step: int = Field(64, ge=0, description="Users whose score distributions are matched in one step.")
    scores: float = Field(0.5, ge=0, description="Weight of the score distributions beside the vectors.")
    temperature: float = Field(0.1, gt=0, description="Temperature of the score distributions.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the order of texts and users.")
