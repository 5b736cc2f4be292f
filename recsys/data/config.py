"""Settings of the data room."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from recsys.schema import EVENT_WEIGHTS


class Config(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(Config):
    """How a log is read."""

    event_weights: dict[str, float] = Field(
        default_factory=lambda: dict(EVENT_WEIGHTS), description="Weight of one event of each role; 0 is no positive."
    )
    clock: Literal["auto", "real", "order"] = Field(
        "auto",
        description="real: timestamps are times. order: only their order means something, and the log's span counts "
        "as 365 days. auto: order where all timestamps are evenly spaced.",
    )
    text_chars: int = Field(600, ge=1, description="Item text is cut to this many characters.")


class QualityConfig(Config):
    """What is too bad to train on."""

    max_reject_fraction: float = Field(
        0.05, ge=0, le=1, description="Fraction of malformed event or item rows above which the run stops."
    )


class SplitConfig(Config):
    """Where time is cut; fractions are quantiles of the positive events' timestamps."""

    encoder_end: float = Field(0.8, gt=0, lt=1, description="The encoder learns from events before this quantile.")
    ranker_end: float = Field(0.9, gt=0, lt=1, description="The ranker's labels end here; the test window begins.")
    instants: int = Field(3, ge=2, description="Instants in [encoder_end, ranker_end) at which ranker rows are taken.")


class TaskConfig(Config):
    """What is to be recommended."""

    target: Literal["all", "new"] = Field(
        "all", description="all: anything; new: only items the user has not taken before."
    )
