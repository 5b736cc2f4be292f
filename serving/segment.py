"""An append-only file of lines that one process owns, for as long as it lives."""

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

ENDING = ".jsonl"
UNNAMED = ".new"

_WAIT_SECONDS = 0.01


class Segment:
    """The lines of a process. What `append` has taken is in the system's memory: a killed process loses nothing.

    The file is locked (flock) while it is open, so that anybody can tell the segment of a dead process. It gets its
    name when it has its lock, so that nobody takes a new one for an old one.
    """

    def __init__(self, folder: Path) -> None:
        """Make one in a folder.

        Raises:
            OSError: it cannot be made.
        """
        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        unnamed = folder / f"{name}{UNNAMED}"
        self.path = folder / f"{name}{ENDING}"
        self.size, self.opened, self.whole = 0, time.monotonic(), True
        self._file = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o666)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unnamed.rename(self.path)

    def append(self, line: bytes) -> None:
        """Add a line, whole or not at all.

        Raises:
            OSError: the disk is full, or fails.
        """
        written = os.write(self._file, line)
        if written < len(line):
            self.whole = False  # until it is known that the piece is gone
            os.ftruncate(self._file, self.size)
            self.whole = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def close(self) -> None:
        """Bring it to the disk, and let others have it.

        Raises:
            OSError: the disk fails.
        """
        file, self._file = self._file, -1  # the number may soon be another file's
        try:
            os.fsync(file)
        finally:
            os.close(file)


@contextlib.contextmanager
def taken(path: Path) -> Iterator[bytes | None]:
    """The lines of a segment that nobody owns, kept from others meanwhile; None if it has an owner or is gone.

    What stands behind the last newline was never acknowledged: it is left out.
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    try:
        if not _locked(file):
            yield None
            return
        with open(file, "rb", closefd=False) as read:
            content = read.read()
        yield content[: content.rfind(b"\n") + 1]
    finally:
        os.close(file)


def owned(path: Path) -> bool:
    """Whether a segment has an owner, or somebody takes it right now; one that is gone needs none."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return not _locked(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def alone(path: Path, *, seconds: float) -> Iterator[bool]:
    """Whether nobody else of those who ask is inside, after waiting for at most some seconds; ends with a process."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    end = time.monotonic() + seconds
    try:
        mine = _locked(file)
        while not mine and time.monotonic() < end:
            time.sleep(_WAIT_SECONDS)
            mine = _locked(file)
        yield mine
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
