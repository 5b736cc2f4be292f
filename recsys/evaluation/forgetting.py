"""What a teacher that went on from the last one has kept, and what it has gained, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import TypeAdapter, ValidationError

from recsys.errors import ArtifactError
from recsys.evaluation.compare import Difference, Estimate, compare, estimate, ratio
from recsys.evaluation.metrics import USER
from recsys.schema import DoubleArray, Instant

FORGETTING = "forgetting.json"
METRIC = "ndcg@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """nDCG@10 of one window's users before and after an update.

    Attributes:
        start, end: the window, µs since 1970 UTC.
        before: mean by the last teacher.
        after: mean by the one that went on from it.
        difference: after - before, paired over users.
        kept: after ÷ before, paired; None where before is 0.
    """

    start: Instant
    end: Instant
    before: Estimate
    after: Estimate
    difference: Difference
    kept: Estimate | None

    @classmethod
    def of(cls, before: DoubleArray, after: DoubleArray, window: tuple[Instant, Instant]) -> "Change":
        """From one value a user, the same users in the same order."""
        frames = [pl.DataFrame({USER: np.arange(len(v), dtype=np.int32), METRIC: v}) for v in (before, after)]
        first, second = frames
        return cls(
            start=window[0],
            end=window[1],
            before=estimate(first, METRIC),
            after=estimate(second, METRIC),
            difference=compare(second, first, METRIC),
            kept=ratio(second, first, METRIC),
        )


def save(changes: Mapping[str, Change], directory: Path) -> None:
    """Write forgetting.json: window's name → change."""
    (directory / FORGETTING).write_bytes(TypeAdapter(Mapping[str, Change]).dump_json(changes, indent=1) + b"\n")


def load(directory: Path) -> dict[str, Change]:
    """Read what `save` wrote; empty where a teacher went on from no other.

    Raises:
        ArtifactError: not of the expected form.
    """
    path = directory / FORGETTING
    if not path.is_file():
        return {}
    try:
        return TypeAdapter(dict[str, Change]).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ArtifactError(
            f"{path} is not a forgetting report: at {where}, {first['msg'].lower()}; run the finetune stage again."
        ) from error
