"""What the policy log's files need beside being written: Parquet, a user erased, old rows deleted."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from recsys.errors import RecsysError
from serving.archive import Archive, Forgotten
from serving.segment import ENDING, UNNAMED, alone
from serving.store import Store, StoreError

SEGMENTS = "segments"
"""The folder of the lines that are not Parquet yet."""

LOCK = "lock"
"""The file that is locked while somebody does the chores."""


class KeepingError(RecsysError):
    """What another process could not do; its message may be told."""


FAILURES = (OSError, StoreError, KeepingError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What may keep something from being done."""

_NAMED_SECONDS = 60.0
_LATER = 2**62  # than any event: only the forgetting is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Chores:
    """What is to be done, beside making Parquet of all segments that nobody owns.

    Attributes:
        seconds: how long to wait at most for others who do the same.
        erased: a user whose rows are deleted; None deletes nobody's.
        before: small files are made one, and those deleted whose last row was written before this instant, in ns; None
            leaves them as they are.
    """

    seconds: float
    erased: str | None = None
    before: int | None = None


class Keeper(Protocol):
    """Does the chores of one log."""

    def keep(self, chores: Chores, taken: Callable[[], None]) -> bool:
        """Do them; whether this was the one to do it.

        Args:
            chores: what to do.
            taken: called after each segment.

        Raises one of FAILURES when the rest is done; what was not done is done the next time.
        """
        ...

    def stop(self) -> None:
        """Break off what is being done, where that is possible; it is done the next time."""
        ...


class Here:
    """Does them in the thread that asks."""

    def __init__(self, directory: Path, forgotten: Forgotten) -> None:
        """Make the folders that are missing.

        Args:
            directory: of the log.
            forgotten: from a user_id to when everything before was erased; None if never.
        """
        self._directory, self._archive = directory, Archive(directory, forgotten=forgotten)

    def keep(self, chores: Chores, taken: Callable[[], None]) -> bool:
        """As `Keeper.keep` has it."""
        with alone(self._directory / LOCK, seconds=chores.seconds) as mine:
            if mine:
                self._archive.tidy()
                _take(self._archive, self._directory / SEGMENTS, taken)
                if chores.erased is not None:
                    self._archive.erase(chores.erased)
                if chores.before is not None:
                    self._archive.merge()
                    self._archive.expire(chores.before)
        return mine

    def stop(self) -> None:
        """Nothing that this thread does can be broken off."""


def _take(archive: Archive, folder: Path, taken: Callable[[], None]) -> None:
    """Archive what nobody owns; one that cannot be does not keep the others from it."""
    for path in folder.glob(f"*{UNNAMED}"):
        with suppress(FileNotFoundError):  # it has its name by now
            if time.time() - path.stat().st_mtime > _NAMED_SECONDS:
                path.unlink()  # its process was killed before the first line
    failures = []
    for path in sorted(folder.glob(f"*{ENDING}")):
        try:
            if archive.take(path):
                taken()
        except FAILURES as error:
            failures.append(error)
    if failures:
        raise failures[0]


def cause(error: BaseException) -> str:
    """What may be told: a message of the tables' library may hold what a user sent."""
    return str(error) if isinstance(error, OSError | StoreError | KeepingError) else type(error).__name__


def forgotten_by(store: Store) -> Forgotten:
    """Whom a store has forgotten, and when."""
    return lambda user_id: store.past(user_id, since=_LATER).forgotten
