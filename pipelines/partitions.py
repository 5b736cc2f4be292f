"""The partitions of an output on their way there: each is complete or absent, and outlives whoever makes the rest."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recsys.artifacts import publish, verify
from recsys.errors import ArtifactError, UsageError
from recsys.workspace import settle

KIND = "recommendations"
USERS = 1024
"""Users of a partition. It decides what a file holds, so that no number of processes does."""

_PART = "recommendations partition"
_FILE = "lists.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitions:
    """The users of an output, cut by a fixed rule, and the folder beside it where finished partitions wait.

    Attributes:
        out: where all of them go at the end.
        folder: of one question's partitions: another bundle, other users or another k have another.
        users: user_ids, sorted; partition p holds users[p · size : (p + 1) · size].
        size: users of a partition, the last one's apart.
    """

    out: Path
    folder: Path
    users: Sequence[str]
    size: int

    @classmethod
    @contextlib.contextmanager
    def opened(cls, out: Path, *, key: str, users: Sequence[str], size: int) -> Iterator["Partitions"]:
        """The partitions, while no other process writes to `out`; what is finished stays, whatever ends the block.

        Args:
            out: a directory, or where one will be.
            key: names the question; equal keys go on with each other's partitions.
            users: user_ids, sorted.
            size: users of a partition.

        Raises:
            UsageError: another process writes to `out`.
            ArtifactError: the disk is full or not writable.
        """
        out = out.absolute()
        root = out.with_name(f".{out.name}.parts")
        try:
            (root / key).mkdir(parents=True, exist_ok=True)
            lock = (root / "lock").open("w")
        except OSError as error:
            raise ArtifactError(f"Cannot write {root}: {error.strerror}; choose another --out.") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system takes it from whoever dies
            except BlockingIOError as error:
                raise UsageError(f"Another process writes {out}; wait for it, or choose another --out.") from error
            yield cls(out=out, folder=root / key, users=users, size=size)

    def __len__(self) -> int:
        return max(1, -(-len(self.users) // self.size))  # of nobody there is a table, too, without rows

    def of(self, number: int) -> Sequence[str]:
        """The users of one."""
        return self.users[number * self.size : (number + 1) * self.size]

    def left(self) -> list[int]:
        """The numbers of those that are not there yet, or not as they were written."""
        return [number for number in range(len(self)) if not _is_whole(place(self.folder, number))]

    def publish(self, *, config: Mapping[str, Any], parents: Mapping[str, str]) -> None:
        """Make all of them appear as `out`, in one step, and remove what lies beside it.

        Args:
            config: joined by the counts of users and rows.
            parents: name → digest of what the lists were made from.

        Raises:
            ArtifactError: one is not there, or the disk is full or not writable; the old `out` is untouched.
        """
        made = [verify(place(self.folder, number), kind=_PART) for number in range(len(self))]
        counts = {"users": len(self.users), "rows": sum(part.config["rows"] for part in made)}
        whole = self.folder / "whole"
        with publish(whole, kind=KIND, config={**config, **counts}, parents=parents) as work:
            for number in range(len(self)):
                _link(place(self.folder, number) / _FILE, work / f"part-{number:05d}.parquet")
        shutil.rmtree(self.folder / "whole-old", ignore_errors=True)  # what a killed one had put out of the way
        try:
            settle(self.out, whole)
        except OSError as error:
            raise ArtifactError(f"Cannot write {self.out}: {error.strerror}; run again to go on from here.") from error
        shutil.rmtree(self.folder.parent, ignore_errors=True)


def place(folder: Path, number: int) -> Path:
    """Where a partition waits."""
    return folder / f"part-{number:05d}"


def write(folder: Path, number: int, table: pl.DataFrame) -> None:
    """Finish a partition; equal tables give equal bytes.

    Raises:
        ArtifactError: the disk is full or not writable; then it is not there.
    """
    target, counts = place(folder, number), {"rows": len(table)}
    with publish(target, kind=_PART, config=counts) as work, (work / _FILE).open("wb") as file:
        table.rechunk().write_parquet(file)
        file.flush()
        os.fsync(file.fileno())


def _is_whole(directory: Path) -> bool:
    try:
        verify(directory, kind=_PART)
    except ArtifactError:
        return False
    return True


def _link(source: Path, target: Path) -> None:
    """The same bytes under another name: what is left of a publishing that was interrupted still serves the next."""
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
