"""The policy log while it is written: no answer or event is acknowledged that it could lose.

A record is one write to a file of the process's own before the reply leaves: the system has it then, also when the
process is killed the moment after. Parquet is made, beside the answers, of files that are full, old, or of dead
processes.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field

from recsys.data.config import Config
from recsys.errors import RecsysError
from serving.archive import Forgotten
from serving.keeping import FAILURES, SEGMENTS, Chores, Here, Keeper, cause
from serving.segment import ENDING, Segment

LOG = "log"
"""In `degraded`: the answer is in no log."""

TICK_SECONDS = 1.0
"""How often what is due is archived."""

_MIB = 2**20
_DAY_NS = 86_400 * 10**9
_HOUR_SECONDS = 3_600.0
_WAIT_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


class LogError(RecsysError):
    """A log that takes no more, or cannot be written."""


class LogConfig(Config):
    """What is logged, and how much of it may lie about."""

    candidates: float = Field(0.01, ge=0, le=1, description="Share of answers whose candidates are logged.")
    features: float = Field(0.01, ge=0, le=1, description="Share of answers whose items' features are logged.")
    rotate_seconds: float = Field(60, gt=0, description="Age at which lines become Parquet.")
    segment_bytes: int = Field(8 * _MIB, ge=1, description="Size at which they do so earlier.")
    backlog_bytes: int = Field(
        256 * _MIB, ge=1, description="Lines that wait to become Parquet; beyond, the log takes no more."
    )
    keep_days: float = Field(90, gt=0, description="After how many days rows are deleted.")


class Journal:
    """The log of one process, in a directory that many may share. Safe to use from several threads."""

    def __init__(
        self,
        directory: Path,
        *,
        forgotten: Forgotten,
        config: LogConfig | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        """Open, or make, the log.

        Args:
            directory: its folder.
            forgotten: from a user_id to when everything before was erased; None if never.
            config: how much is logged and kept.
            keeper: archives what `tick` finds; None does so in the thread that calls it, as all else is done.

        Raises:
            LogError: it cannot be written.
        """
        self.config = config or LogConfig()
        self._directory, self._folder = directory, directory / SEGMENTS
        self._appending, self._keeping = threading.Lock(), threading.Lock()
        self._full: list[Segment] = []
        self._stopped = False
        self._waiting, self._cleared = 0, -_HOUR_SECONDS
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._here = Here(directory, forgotten)
            self._keeper = keeper or self._here
            self._segment = Segment(self._folder)
        self._count()

    def append(self, line: bytes) -> None:
        """Log a record of `record.py`; it survives the end of the process when this returns.

        Raises:
            LogError: too much waits to become Parquet, the disk is full or fails; nothing was logged.
        """
        with self._appending:
            if self._waiting + self._segment.size + len(line) > self.config.backlog_bytes:
                raise LogError(
                    f"The policy log in {self._directory} takes no more: more than {self.config.backlog_bytes} bytes "
                    "wait to become Parquet; see what keeps them from it in the lines before this one."
                )
            with self._told():
                if self._segment.size >= self.config.segment_bytes or not self._segment.whole:
                    self._rotate()
                self._segment.append(line)

    def tick(self) -> None:
        """Make Parquet of what is due, to be called every TICK_SECONDS; what fails is told, and tried again."""
        if self._stopped:
            return
        try:
            with self._appending:
                if self._segment.size and time.monotonic() - self._segment.opened >= self.config.rotate_seconds:
                    self._rotate()
            with self._keeping:
                self._archived(seconds=0)
        except FAILURES as error:
            _LOG.error("The policy log cannot be archived: %s", cause(error))

    def erase(self, user_id: str) -> None:
        """Delete a user who was forgotten from all that is archived and all that this process holds.

        What other processes still hold goes when they archive it.

        Raises:
            LogError: it cannot be read or written, or others write for too long; to be called again.
        """
        self._keeper.stop()  # whoever waits here has waited long enough
        with self._told(), self._keeping:
            with self._appending:
                if self._segment.size:
                    self._rotate()
            if not self._archived(seconds=_WAIT_SECONDS, erased=user_id, keeper=self._here):
                raise LogError(f"The policy log in {self._directory} is in use; erase the user again.")

    def stop(self) -> None:
        """Let the last `tick` end soon, and no other begin; `close` archives the rest."""
        self._stopped = True
        self._keeper.stop()

    def close(self) -> None:
        """Log no more; archive what there is, if that can be done now."""
        with self._appending:
            self._full.append(self._segment)
        try:
            with self._keeping:
                self._archived(seconds=1, keeper=self._here)  # nobody is answered any more
        except FAILURES as error:
            _LOG.error("The policy log is archived when it is next opened: %s", cause(error))

    def _rotate(self) -> None:
        fresh = Segment(self._folder)
        self._full.append(self._segment)
        self._waiting += self._segment.size
        self._segment = fresh

    def _archived(self, *, seconds: float, erased: str | None = None, keeper: Keeper | None = None) -> bool:
        """Whether this was the one to do it: archive all that nobody owns, erase a user, clear up."""
        while self._full:
            self._full.pop().close()
        now, before = time.monotonic(), None
        if now - self._cleared >= _HOUR_SECONDS:
            before = time.time_ns() - int(self.config.keep_days * _DAY_NS)
        mine = (keeper or self._keeper).keep(Chores(seconds=seconds, erased=erased, before=before), self._count)
        if mine and before is not None:  # what failed, or others did, is due as before
            self._cleared = now
        self._count()
        return mine

    def _count(self) -> None:
        """What waits, but for the segment in use."""
        sizes = {path: _size(path) for path in self._folder.glob(f"*{ENDING}")}
        with self._appending:
            self._waiting = sum(size for path, size in sizes.items() if path != self._segment.path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise LogError(
                f"Cannot write the policy log in {self._directory}: {cause(error)}; nothing was logged."
            ) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
