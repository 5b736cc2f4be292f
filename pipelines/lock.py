"""One at a time: a directory that a process works in, and who that is."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from recsys.errors import RecsysError
from recsys.workspace import disk_error

LOCK = "lock"
"""The file that is locked; what is in it says who holds it."""

_DESCRIPTOR = "_RECSYS_LOCK"
"""In the environment of processes that a holder begins: number of the locked file's descriptor, which they inherit."""


class LockedError(RecsysError):
    """Somebody else works in the directory."""


@contextlib.contextmanager
def held(directory: Path) -> Iterator[int]:
    """Work in a directory alone, until the block ends or the process does, by whatever signal.

    The lock is the system's (flock), not the file's presence: nobody has to delete it after a crash. A process that
    the holder has begun, as `passed_on` says, works there with it.

    Args:
        directory: made where it is missing.

    Yields:
        The locked file's descriptor: a process that inherits it keeps the lock, too, should this one be killed.

    Raises:
        LockedError: another process works there; it says which.
        ArtifactError: the directory or the lock cannot be written.
    """
    inherited = _inherited(directory / LOCK)
    if inherited is not None:
        yield inherited
        return
    with _opened(directory) as file:
        _lock(file, directory)
        me = {"host": socket.gethostname(), "pid": os.getpid(), "since": f"{datetime.now(UTC):%F %T} UTC"}
        _write(file, json.dumps(me))
        try:
            yield file.fileno()
        finally:
            _write(file, "")


def passed_on(descriptor: int) -> dict[str, str]:
    """What joins the environment of a process that inherits the locked file, so that it is let in, too."""
    return {_DESCRIPTOR: str(descriptor)}


def is_passed_on(directory: Path) -> bool:
    """Whether this process was begun by the one that works in the directory."""
    return _inherited(directory / LOCK) is not None


def _inherited(path: Path) -> int | None:
    """The descriptor of a locked file that this process was begun with; None where that is not this one."""
    try:
        descriptor = int(os.environ.get(_DESCRIPTOR, ""))
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            return None
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever shares the open file shares the lock
    except (ValueError, OSError):
        return None
    return descriptor


def _opened(directory: Path) -> TextIO:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return (directory / LOCK).open("a+")
    except OSError as error:
        raise disk_error(directory / LOCK, error) from error


def _lock(file: TextIO, directory: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f"Expected to be alone in {directory}, but {_holder(file)} is at work there; wait until it has ended."
        ) from error
    except OSError as error:
        raise disk_error(directory / LOCK, error) from error


def _holder(file: TextIO) -> str:
    """Who holds it, in words; between the lock and what is written of it nobody knows."""
    file.seek(0)
    try:
        told = json.loads(file.read())
        return f"process {told['pid']} of {told['host']}, since {told['since']},"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _write(file: TextIO, text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()
