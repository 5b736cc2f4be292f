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

LOCK = "lock"
"""The file that is locked; what is in it says who holds it."""


class LockedError(RecsysError):
    """Somebody else works in the directory."""


@contextlib.contextmanager
def held(directory: Path) -> Iterator[int]:
    """Work in a directory alone, until the block ends or the process does, by whatever signal.

    The lock is the system's (flock), not the file's presence: nobody has to delete it after a crash.

    Args:
        directory: made where it is missing.

    Yields:
        The locked file's descriptor: a process that inherits it keeps the lock, too, should this one be killed.

    Raises:
        LockedError: another process works there; it says which.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(
                f"Expected to be alone in {directory}, but {_holder(file)} is at work there; wait until it has ended."
            ) from error
        _write(
            file,
            json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": f"{datetime.now(UTC):%F %T} UTC"}),
        )
        try:
            yield file.fileno()
        finally:
            _write(file, "")


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
