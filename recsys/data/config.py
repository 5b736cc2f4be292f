"""Settings of the data room."""

import codecs
import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from recsys.schema import EVENT_WEIGHTS


class Config(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def check_roles(names: Iterable[str]) -> None:
    """Refuse what is no event role, as validators do."""
    for name in names:
        if name not in EVENT_WEIGHTS:
            near = get_close_matches(name, EVENT_WEIGHTS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known roles are {', '.join(EVENT_WEIGHTS)}"
            raise ValueError(f"no event role {name!r}; {hint}")


class MappingConfig(Config):
    """How tables with other names read as the plain form."""

    files: dict[Literal["items", "events"], str] = Field(
        default_factory=dict,
        description="Table → name of its file in the directory: .parquet, .jsonl, else CSV. Both may be one file: an "
        "item is then what its first row in time tells.",
    )
    separator: str = Field(",", min_length=1, max_length=1, description="What stands between the fields of a CSV.")
    encoding: str = Field("utf8", description="How a CSV's text is encoded, such as utf8, cp1252 or gb18030.")
    items: dict[str, str] = Field(
        default_factory=dict, description="Column of the plain form → its name in the items table, where they differ."
    )
    events: dict[str, str] = Field(
        default_factory=dict, description="Column of the plain form → its name in the events table, where they differ."
    )
    roles: dict[str, str] = Field(
        default_factory=dict, description="Name of an event in the log → its role, where they differ."
    )
    event: str | None = Field(None, description="Name of every event of a log that has no event column.")
    timezone: str | None = Field(
        None, description="IANA zone, such as UTC or Europe/Berlin, of timestamps written without one."
    )

    time_format: str | None = Field(
        None,
        description="Form of times that are not ISO 8601, such as %d.%m.%Y %H:%M; signs as of Python's strftime.",
    )

    @property
    def in_one_file(self) -> bool:
        """Whether items and events are columns of one table."""
        return "items" in self.files and self.files.get("items") == self.files.get("events")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codec = codecs.lookup(name).name
        except LookupError as error:
            raise ValueError(f"expected an encoding such as utf8, cp1252 or gb18030, got {name!r}") from error
        return "utf8" if codec == "utf-8" else name

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError(f"expected an IANA time zone such as UTC or Europe/Berlin, got {name!r}")
        return name

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, roles: dict[str, str]) -> dict[str, str]:
        check_roles(roles.values())
        return roles


class DataConfig(Config):
    """How a log is read."""

    mapping: MappingConfig = Field(
        default_factory=MappingConfig, description="How tables with other names read as the plain form."
    )
    event_weights: dict[str, float] = Field(
        default_factory=lambda: dict(EVENT_WEIGHTS),
        description="Weight of one event of each role, 0 is no positive; roles left out keep their default.",
    )
    clock: Literal["auto", "real", "order"] = Field(
        "auto",
        description="real: timestamps are times. order: only their order means something, and the log's span counts "
        "as 365 days. auto: order where all timestamps are evenly spaced.",
    )
    text_chars: int = Field(600, ge=1, description="Item text is cut to this many characters.")

    @field_validator("event_weights")
    @classmethod
    def _whole_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        check_roles(weights)
        bad = {role: weight for role, weight in weights.items() if not 0 <= weight < math.inf}
        if bad:
            raise ValueError(f"expected finite weights from 0 up, got {bad}")
        return EVENT_WEIGHTS | weights


class QualityConfig(Config):
    """What is too bad to train on."""

    max_reject_fraction: float = Field(
        0.05, ge=0, le=1, description="Fraction of malformed event or item rows above which the run stops."
    )


class NightConfig(Config):
    """What a night of `recsys cycle` takes in."""

    min_rejects: int = Field(
        10,
        ge=1,
        description="Fewer malformed events than this, of those posted since the last served night, are set aside and "
        "never stop a night; from this number on quality.max_reject_fraction decides.",
    )


SQLITE = "sqlite:///"
"""What the address of a database file begins with, its absolute path following."""


class TrackingConfig(Config):
    """Where what is published is told, too: MLflow."""

    uri: str = Field(
        "",
        description="http(s)://HOST:PORT of an MLflow server, or sqlite:////ABSOLUTE/FILE.db without one; empty tells "
        "nobody.",
    )
    experiment: str = Field("recsys", min_length=1, max_length=500, description="Where MLflow lists the runs.")
    model: str = Field(
        "recsys",
        pattern=r"^[\w .-]+$",
        description="Registered model whose versions are the bundles; its alias `current` is the published one.",
    )

    @field_validator("uri")
    @classmethod
    def _reachable(cls, uri: str) -> str:
        if not uri:
            return uri
        parts = urlsplit(uri)
        if "@" in parts.netloc:
            raise ValueError(
                "expected no name or password in it, it is kept with the run; "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are read"
            )
        if (parts.scheme in ("http", "https") and parts.netloc) or uri.startswith(f"{SQLITE}/"):
            return uri
        raise ValueError(
            "expected http(s)://HOST:PORT of an MLflow server, or sqlite:////ABSOLUTE/FILE.db without one "
            "(MLflow keeps no folders of files any more, and other databases stand behind a server)"
        )


class SplitConfig(Config):
    """Where time is cut; fractions are quantiles of the positive events' timestamps."""

    encoder_end: float = Field(0.8, gt=0, lt=1, description="The encoder learns from events before this quantile.")
    ranker_end: float = Field(0.9, gt=0, lt=1, description="The ranker's labels end here; the test window begins.")
    instants: int = Field(3, ge=2, description="Instants in [encoder_end, ranker_end) at which ranker rows are taken.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.encoder_end >= self.ranker_end:
            raise ValueError(f"expected encoder_end < ranker_end, got {self.encoder_end} and {self.ranker_end}")
        return self


class TaskConfig(Config):
    """What is to be recommended."""

    target: Literal["all", "new"] = Field(
        "all", description="all: anything; new: only items the user has not taken before."
    )
