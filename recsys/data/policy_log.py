"""What was shown to whom, how likely that was, and what came of it: written by serving, read by evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recsys.data.storage import UNREADABLE, first_line
from recsys.errors import ArtifactError
from recsys.schema import UTC_US

ANSWERS: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "at": UTC_US,
    "user_id": pl.String(),
    "arm": pl.String(),
    "bundle": pl.String(),
    "policy": pl.String(),
    "params": pl.String(),
    "seed": pl.Int64(),
    "item_id": pl.String(),
    "position": pl.Int32(),
    "propensity": pl.Float64(),
    "score": pl.Float64(),
    "degraded": pl.List(pl.String()),
    "request": pl.String(),
    "first": pl.Float64(),
}
"""One row for each item of an answer, `position` from 1; an answer without items is one row whose item_id, position,
propensity and score are null. `user_id` is null where the request told a history; `params` and `request` are JSON.
`first` is P(the first of two rankings gave the item) in interleaved lists; null where neither did, and in others."""

LATER_COLUMNS = frozenset({"first"})
"""Columns that older files lack: null there."""

CANDIDATES: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "at": UTC_US,
    "user_id": pl.String(),
    "item_ids": pl.List(pl.String()),
    "scores": pl.List(pl.Float64()),
}
"""One row for each of a share of the answers: all items its list was chosen from, best first, with their scores."""

FEATURES: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "at": UTC_US,
    "user_id": pl.String(),
    "item_id": pl.String(),
}
"""One row for each item of a share of the answers; beside these, a float32 column for each feature, null = missing."""

EVENTS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event": pl.String(),
    "timestamp": UTC_US,
    "value": pl.Float64(),
    "request_id": pl.String(),
    "posted": UTC_US,
}
"""One row for each event as it was posted; `posted` says when, by the service's clock: later answers know of it."""

TABLES: dict[str, Mapping[str, pl.DataType]] = {
    "answers": ANSWERS,
    "candidates": CANDIDATES,
    "features": FEATURES,
    "events": EVENTS,
}
"""Table → its columns; each table is a folder of Parquet files."""

_PLACE = ["request_id", "at", "position", "item_id", "propensity"]
"""What is the same in two copies of a row of answers: an item that stands where another does is no copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLog:
    """The tables of a log, read when they are asked for.

    Attributes:
        answers: as `ANSWERS`, each answer (request_id, at) once; rows of one place that contradict each other all stay.
        candidates: as `CANDIDATES`, each answer once.
        features: as `FEATURES` and a column for each feature, each item of an answer once.
        events: as `EVENTS`, each event_id once.
    """

    answers: pl.LazyFrame
    candidates: pl.LazyFrame
    features: pl.LazyFrame
    events: pl.LazyFrame

    @classmethod
    def load(cls, directory: Path) -> "PolicyLog":
        """The log in a directory, as of now.

        Raises:
            ArtifactError: no log, or a file in it that is not one of its tables.
        """
        if not is_log(directory):
            raise ArtifactError(
                f"Expected a policy log in {directory}, found no folders answers and events; "
                "give the folder that recsys serve --log writes to."
            )
        return cls(
            answers=_scan(directory, "answers").unique(_PLACE, maintain_order=True),
            candidates=_scan(directory, "candidates").unique(["request_id", "at"], maintain_order=True),
            features=_scan(directory, "features").unique(["request_id", "at", "item_id"], maintain_order=True),
            events=_scan(directory, "events").unique("event_id", maintain_order=True),
        )

    def save(self, directory: Path) -> None:
        """Write the tables as `load` reads them, one file each.

        Raises:
            ArtifactError: there is a log already.
        """
        if is_log(directory):
            raise ArtifactError(f"Expected no policy log in {directory}, found one; choose another folder.")
        for name in TABLES:
            (directory / name).mkdir(parents=True)
            table: pl.LazyFrame = getattr(self, name)
            table.sink_parquet(directory / name / "all.parquet")

    def placed_events(self) -> pl.DataFrame:
        """The events in the plain form, with the `position` of their item in the answer they name, null without one.

        An impression is what a client says was seen; what was answered and maybe never shown is none. Of answers that
        share a request_id, the last one counts.
        """
        return self.placed().drop("event_id", "posted")

    def placed(self) -> pl.DataFrame:
        """The same with all columns of `EVENTS`."""
        asked = self.events.filter(pl.col("request_id").is_not_null()).select("request_id").unique()
        places = (
            self.answers.filter(pl.col("item_id").is_not_null())
            .join(asked, on="request_id", how="semi")
            .sort("at")
            .unique(["request_id", "item_id"], keep="last")
            .select("request_id", "item_id", "position")
        )
        joined = self.events.join(places, on=["request_id", "item_id"], how="left", maintain_order="left")
        return joined.select(*EVENTS, "position").collect()


def is_log(directory: Path) -> bool:
    """Whether a directory has a log's tables, none of them read."""
    return all((directory / name).is_dir() for name in ("answers", "events"))


def _scan(directory: Path, table: str) -> pl.LazyFrame:
    files = sorted((directory / table).glob("*.parquet"))
    columns = TABLES[table]
    if not files:
        return pl.LazyFrame(schema=dict(columns))
    found = [_columns(file, columns) for file in files]
    extra = {name: kind for each in found for name, kind in each.items() if name not in columns}
    wanted = {**columns, **extra} if table == "features" else dict(columns)
    return pl.scan_parquet(files, schema=wanted, missing_columns="insert", extra_columns="ignore")


def _columns(file: Path, columns: Mapping[str, pl.DataType]) -> Mapping[str, pl.DataType]:
    try:
        found = pl.read_parquet_schema(file)
    except UNREADABLE as error:
        raise ArtifactError(
            f"Expected a table of the policy log in {file}: {first_line(error)}; take the file away."
        ) from error
    for name, kind in columns.items():
        if found.get(name) != kind and not (name in LATER_COLUMNS and name not in found):
            raise ArtifactError(
                f"{file}: expected a column {name} of type {kind}, got {found.get(name, 'none')}; "
                "take away what is not of the policy log."
            )
    return found
