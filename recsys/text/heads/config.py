"""Settings of task heads."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.data.config import Config
from recsys.text.bases.config import Pooling
from recsys.text.config import OptimiserConfig


class HeadConfig(Config):
    """How a task head learns: classes of texts, or tags of words."""

    labels: tuple[str, ...] = Field(
        (), description="The classes, or the types of entities, that there are; those of the file if empty."
    )
    max_tokens: int = Field(128, ge=4, description="Text is cut to this many tokens; sentences go in several parts.")
    pooling: Pooling = Field("attention", description="How token states become one vector of a text to be classified.")
    optimiser: OptimiserConfig = OptimiserConfig()
    tune: Annotated[int, Field(ge=0)] | Literal["all", "lora"] = Field(
        "all", description="What learns beside the head: the top n layers, all of them, or low-rank updates of them."
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the low-rank updates.")
    lora_alpha: int = Field(128, ge=1, description="Low-rank updates count lora_alpha / lora_rank times.")
    epochs: int = Field(4, ge=1, description="Passes over the examples.")
    batch_size: int = Field(32, ge=1, description="Examples in one step.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of the head's inputs left out at random in a step.")
    layer_dropout: float = Field(0.1, ge=0, lt=1, description="Share of states and attention learning layers drop.")
    valid_fraction: float = Field(0.1, gt=0, lt=1, description="Share of the examples, drawn at random, that judge.")
    looks: int = Field(2, ge=1, description="Looks at the judging examples in one pass.")
    patience: int = Field(4, ge=1, description="Looks without a better figure after which training stops.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the first weights, the order of examples and the dropout.")
