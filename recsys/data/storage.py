"""JSON and parquet files of artifacts, read with suspicion and written with equal bytes for equal content."""

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.errors import ArtifactError

UNREADABLE = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises for a file that is not what it should be; a panic is no `Exception`."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; polars adds advice and traces below."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value, keys sorted, so that equal values give equal bytes."""
    path.write_text(json.dumps(value, sort_keys=True, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of an artifact.

    Raises:
        ArtifactError: the file is missing, or holds no JSON object.
    """
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"Expected a JSON object in {path}, got none ({error}); make the artifact again."
        ) from error
    if not isinstance(value, dict):
        raise ArtifactError(f"Expected a JSON object in {path}, got {type(value).__name__}; make the artifact again.")
    return value


def mapped(path: Path) -> np.ndarray[Any, Any]:
    """The array in an npy file, its pages shared by all processes that map the file; what one writes, no other sees.

    Raises:
        OSError, ValueError: the file is missing, or holds no array of plain numbers.
    """
    # asarray sheds memmap's slow slicing
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))


def let_go(array: np.ndarray[Any, Any]) -> None:
    """Take the pages of a mapped array that nobody has written out of this process's memory; nothing to other arrays.

    What is read again comes from the file, or from the system's cache of it.
    """
    base = array.base
    if isinstance(base, np.memmap):
        base._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def read_table(path: Path, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """A parquet file of an artifact, with exactly the columns and types of `schema`.

    Raises:
        ArtifactError: the file is missing, no parquet, or has other columns.
    """
    try:
        table = pl.read_parquet(path)
    except UNREADABLE as error:
        raise ArtifactError(f"Expected a table in {path}: {first_line(error)}; make the artifact again.") from error
    if table.schema != pl.Schema(schema):
        expected, got = ", ".join(schema), ", ".join(table.columns)
        raise ArtifactError(f"{path}: expected the columns {expected} with their types, got {got}; make it again.")
    return table
