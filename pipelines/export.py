"""Finished lists → a key-value server: all of them, or none that a reader sees."""

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipelines import partitions
from pipelines.console import err, progress
from recsys.artifacts import Manifest, verify
from recsys.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from pipelines.generation import Generation

HOUR = 3600

_OF_ITEMS = ("item_id", "score", "propensity")
_OF_LISTS = ("experiment", "arm", "bundle", "policy", "request_id")
"""What readers are told; columns that are not there are not. What else the lists tell stays in their files."""


def export(lists: Path, *, url: str, ttl_hours: float | None) -> str:
    """Put the lists where `generation` says, and return their digest; nothing to do where readers see them already.

    Whatever ends it, the same call goes on from there, and readers see the whole of these lists or of those before.

    Args:
        lists: a directory that `batch.recommend` made for everybody it was to be for.
        url: redis://[[user]:password@]host:port/number.
        ttl_hours: how long they are there at most; None until others take their place.

    Raises:
        UsageError: lists of changed users alone, no such address, or another process writes lists there.
        ArtifactError: no lists, or they are not whole.
        StoreError: the server fails.
    """
    try:
        from pipelines import generation
        from pipelines.redis_server import Server
    except ModuleNotFoundError as error:
        raise UsageError(f"Redis needs its client, {error.name}; install it by pip install '.[redis]'.") from error
    manifest = verify(lists, kind=partitions.KIND)
    if manifest.config.get("since") is not None:
        raise UsageError(
            f"Expected lists of everybody in {lists}, got those of --since alone, which would take the others' place; "
            "make them without it."
        )
    with Server.opened(url) as server:
        if generation.is_current(server, manifest.digest):
            err.print(f"The lists of {lists} are at {server.where} already", markup=False)
        else:
            seconds = None if ttl_hours is None else max(1, round(ttl_hours * HOUR))
            begun = generation.Generation.begun(server, manifest.digest, seconds=seconds)
            _write(lists, manifest, begun)
            begun.show(parts=len(manifest.files))
            err.print(f"The lists of {lists} are at {server.where}", markup=False)
        if gone := generation.tidied(server, manifest.digest):
            err.print(f"  {gone} former ones go within a minute", markup=False)
    return manifest.digest


def _write(lists: Path, manifest: Manifest, generation: "Generation") -> None:
    """Write the parts that are left, and tell how that goes."""
    left = sorted(set(manifest.files) - generation.finished)
    if len(left) < len(manifest.files):
        err.print(f"  {len(manifest.files) - len(left)} of {len(manifest.files)} parts are there already", markup=False)
    done, start = 0, time.monotonic()
    with progress("files") as show:
        for number, name in enumerate(left, 1):
            rows = list(values(_read(lists / name, manifest.files[name])))
            generation.write(name, rows)
            done += len(rows)
            show(number, len(left), {"users/s": done / max(time.monotonic() - start, 1e-9)})


def _read(path: Path, expected: str) -> pl.DataFrame:
    """A part as the manifest knows it, whatever has taken its place meanwhile."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"Cannot read {path}: {error.strerror}; run again when the lists are whole.") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise ArtifactError(f"{path} was altered while it was read; run again.")
    return pl.read_parquet(io.BytesIO(data))


def values(table: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """user_id and list as JSON, an array a column: {"item_id": […], "score": […]}, best first.

    Args:
        table: rows as of `lists.table`, a user's one after the other.
    """
    items, whole = ([name for name in names if name in table.columns] for names in (_OF_ITEMS, _OF_LISTS))
    users = table.group_by("user_id", maintain_order=True).agg(*items, *(pl.col(name).first() for name in whole))
    yield from users.select("user_id", pl.struct(*items, *whole).struct.json_encode()).iter_rows()
