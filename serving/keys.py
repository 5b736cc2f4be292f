"""API keys: one line of a file each, by which a key can be recognised but not told.

A key is 256 random bits, so its plain sha256 is as good as a salted, slow one: those protect secrets that can be
guessed, and nobody guesses this one; a slow hash would only be paid for at every request.
"""

import contextlib
import fcntl
import hashlib
import hmac
import logging
import math
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, FiniteFloat, StrictInt, ValidationError, model_validator

from recsys.data.config import Config
from recsys.errors import UsageError

MAX_KEYS = 100
"""Most keys of a file: each is compared with at every request."""

MAX_BYTES = 64 * 1024
"""Largest file of keys."""

REREAD_SECONDS = 1.0
"""How long it takes at most until a change of the file counts."""

Role: TypeAlias = Literal["read", "write", "admin"]
"""What a key may do, each all that the one before may: ask; post events and change items; swap bundles."""

_LOG = logging.getLogger(__name__)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class Key(Config):
    """One line of the file."""

    name: str = Field(pattern=_NAME, description="Whose it is: letters, digits and . _ - only.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the key's bytes, in hex.")
    role: Role
    rate: Annotated[FiniteFloat, Field(gt=0)] | None = Field(
        None, description="Most requests a second, in the long run and by process; without it as many as there come."
    )
    burst: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="Requests that may come at once; by default those of a second, at least one."
    )

    @model_validator(mode="after")
    def _has_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError("burst needs a rate")
        return self

    @property
    def at_once(self) -> int:
        """Requests that may come at once."""
        return self.burst or max(1, math.ceil(self.rate or 1))


class KeyRing:
    """The keys of a file that may change meanwhile."""

    def __init__(self, path: Path, *, ticks: Callable[[], float] = time.monotonic) -> None:
        """Read it.

        Args:
            path: the file, as `add` makes it.
            ticks: seconds since any fixed instant.

        Raises:
            UsageError: no such file, open to others, or not a file of keys.
        """
        self._path, self._ticks = path, ticks
        self._version, self._keys = _version(path), read(path)
        self._next = ticks() + REREAD_SECONDS

    def find(self, presented: bytes) -> Key | None:
        """The key that was presented; None if it is none. How long it takes tells nothing about the others."""
        self._reread()
        digest = hashlib.sha256(presented).hexdigest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _reread(self) -> None:
        now = self._ticks()
        if now < self._next:
            return
        self._next = now + REREAD_SECONDS
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            self._keys = read(self._path)
        except UsageError as error:
            _LOG.error("The keys stay as they were: %s", error)


def read(path: Path) -> tuple[Key, ...]:
    """The keys of a file; none where it is empty.

    Raises:
        UsageError: it cannot be read, others could write it, or a line is not a key.
    """
    try:
        with path.open("rb") as f:
            _check_closed(path, os.fstat(f.fileno()))
            text = f.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"Cannot read the keys in {path}: {error.strerror}; make one by `recsys key`, --file {path}."
        ) from error
    if len(text) > MAX_BYTES:
        raise UsageError(f"Expected keys of at most {MAX_BYTES} bytes in {path}, got more; remove some.")
    keys = [_parsed(path, n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(keys) > MAX_KEYS:
        raise UsageError(f"Expected at most {MAX_KEYS} keys in {path}, got {len(keys)}; remove some.")
    for field in ("name", "sha256"):
        if len({getattr(key, field) for key in keys}) < len(keys):
            raise UsageError(f"Expected each {field} once in {path}, one is there twice; remove a line.")
    return tuple(keys)


def add(path: Path, *, name: str, role: Role, rate: float | None = None, burst: int | None = None) -> str:
    """Make a key and append its line to a file, which is made where it is missing; it is whole at every moment.

    Args:
        path: the file.
        name: whose it is.
        role: what it may do.
        rate: most requests a second.
        burst: requests that may come at once.

    Returns:
        The key, which is kept nowhere.

    Raises:
        UsageError: a name that is in use or none, or a file that cannot be written or is none of keys.
    """
    path = path.resolve()
    made = "recsys_" + secrets.token_urlsafe(32)
    digest = hashlib.sha256(made.encode()).hexdigest()
    try:
        entry = Key(name=name, sha256=digest, role=role, rate=rate, burst=burst)
    except ValidationError as error:
        raise UsageError(f"Cannot make this key: {_first(error)}.") from error
    try:
        with _locked(path.parent):
            known = read(path) if path.exists() else ()
            if any(name == other.name for other in known):
                raise UsageError(f"{path} has a key named {name} already; choose another name, or remove its line.")
            if len(known) >= MAX_KEYS:
                raise UsageError(f"{path} has {MAX_KEYS} keys already, as many as it may; remove one.")
            lines = [each.model_dump_json(exclude_none=True) + "\n" for each in (*known, entry)]
            _write(path, "".join(lines))
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}; nothing was changed.") from error
    return made


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _check_closed(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"Expected a file of keys at {path}, got something else; name a file.")
    if found.st_uid not in {0, os.geteuid()}:
        raise UsageError(f"{path} belongs to another user, who could add keys; `chown` it.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(f"Others can write {path}, and so add keys; `chmod 600 {path}`.")
    if found.st_mode & stat.S_IROTH:
        _LOG.warning("Everybody on this machine can read %s; it tells names and roles, no keys. `chmod o-r` it.", path)


def _parsed(path: Path, number: int, line: bytes) -> Key:
    try:
        return Key.model_validate_json(line)
    except ValidationError as error:
        raise UsageError(f"Line {number} of {path} is no key: {_first(error)}; see `recsys key --help`.") from error


def _first(error: ValidationError) -> str:
    """What is wrong, without what was given: it may be a key by mistake."""
    first = error.errors(include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "json_invalid":
        return "not JSON"
    if first["type"] == "extra_forbidden":
        return "a field that keys do not have"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One at a time adds a key."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # only the owner reads it
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as f:
            f.write(text)
            f.flush()
            if path.exists():
                old = path.stat()
                os.fchmod(f.fileno(), stat.S_IMODE(old.st_mode))
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(f.fileno(), old.st_uid, old.st_gid)  # root adds a key for the service's user
            os.fsync(f.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
