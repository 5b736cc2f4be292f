"""What one training of the text encoder came to, for the bench table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.run_directory import RunDirectory
from recsys import __version__
from recsys.artifacts import digest_of, read_manifest, verify
from recsys.data.storage import read_json
from recsys.settings import Settings

KIND = "trial"
_SECTIONS = {"encoder", "pretrain", "finetune", "evaluation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one training came to.

    Attributes:
        per_user: user_idx and the metrics of `evaluation.metrics.per_user`, target new, of every judged user.
        validation: nDCG@10 of the best look before encoder_end.
        seconds: of training: reading the base, pretraining if any, caching, steps, looks.
    """

    per_user: pl.DataFrame
    validation: float
    seconds: float

    @classmethod
    def load(cls, directory: Path) -> "Trial":
        """Read what `tryout.run` made.

        Raises:
            ArtifactError: it is missing or altered.
        """
        verify(directory, kind=KIND)
        figures = read_json(directory / "figures.json")
        return cls(per_user=pl.read_parquet(directory / "per_user.parquet"), **figures)


def config(settings: Settings) -> dict[str, Any]:
    """The settings that shape a trial, beside those of the log; JSON types."""
    return {**settings.model_dump(mode="json", include=_SECTIONS), "version": __version__}


def key(log: RunDirectory, settings: Settings) -> str:
    """Digest of everything a trial depends on; the log must have been prepared."""
    parents = [read_manifest(log / name, kind=name).digest for name in ("catalog", "interactions")]
    return digest_of([parents, config(settings)])
