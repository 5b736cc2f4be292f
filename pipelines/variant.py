"""What one variant of a run's student came to: the served files, and its validation users one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.run_directory import RunDirectory
from recsys import __version__
from recsys.artifacts import digest_of, read_manifest, verify
from recsys.settings import Settings

KIND = "variant"
METRIC = "ndcg@10"
_PER_USER = "per_user.parquet"
SECTIONS = ("distill", "compress")
_READS = ("catalog", "interactions", "teacher")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeVariant:
    """One encoder on disk.

    Attributes:
        directory: what `OnnxEncoder.load` reads.
        per_user: user_idx, a row of `Validation`, and nDCG@10.
    """

    directory: Path
    per_user: pl.DataFrame

    @classmethod
    def load(cls, directory: Path) -> "MadeVariant":
        """Read what `make_variants.run` made.

        Raises:
            ArtifactError: it is missing or altered.
        """
        verify(directory, kind=KIND)
        return cls(directory=directory, per_user=pl.read_parquet(directory / _PER_USER))


def save_per_user(per_user: pl.DataFrame, directory: Path) -> None:
    """Write a variant's users beside its files."""
    per_user.write_parquet(directory / _PER_USER)


def config(settings: Settings) -> dict[str, Any]:
    """The settings that shape a variant, beside those of the run; JSON types."""
    return {**settings.model_dump(mode="json", include=set(SECTIONS)), "version": __version__}


def parents(opened: RunDirectory) -> dict[str, str]:
    """Digests of what variants are made from.

    Raises:
        ArtifactError: the run has no teacher.
    """
    return {name: read_manifest(opened / name, kind=name).digest for name in _READS}


def key(settings: Settings, made_from: Mapping[str, str]) -> str:
    """Digest of everything a variant depends on."""
    return digest_of([dict(made_from), config(settings)])
