"""Where something is written until it is whole: a hidden directory beside its place, which one rename makes it."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from recsys.errors import ArtifactError

_CHANCE = "?" * 8
"""What `mkdtemp` adds to a name."""


@contextlib.contextmanager
def workspace(target: Path) -> Iterator[Path]:
    """A fresh directory beside `target`, gone when the block ends, unless `settle` has moved it.

    Yields:
        The directory to write into.

    Raises:
        ArtifactError: the disk is full or not writable; `target` is untouched.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise disk_error(target, error) from error
    try:
        yield work
    except Exception as error:
        if isinstance(error, OSError) or _is_full(error):
            raise disk_error(target, error) from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def settle(target: Path, work: Path) -> None:
    """Make a finished directory on the same disk appear as `target`, in the place of what is there."""
    work.chmod(0o755)
    if target.exists():
        old = work.with_name(work.name + "-old")
        target.rename(old)
        work.rename(target)
        shutil.rmtree(old)
    else:
        work.rename(target)


def swept(target: Path) -> list[Path]:
    """Delete what those who wrote `target` and were killed have left beside it, and say what that was.

    Call it only where nobody can be writing it: what a living process has begun looks the same.
    """
    found = [path for end in ("", "-old") for path in target.parent.glob(f".{target.name}-{_CHANCE}{end}")]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return sorted(found)


def disk_error(target: Path, error: Exception) -> ArtifactError:
    """The sentence for what a disk refused."""
    reason = "the disk is full" if _is_full(error) else (getattr(error, "strerror", None) or str(error))
    return ArtifactError(f"Cannot write {target}: {reason}; nothing was changed. Free space or choose another folder.")


def _is_full(error: Exception) -> bool:
    # polars, safetensors and faiss report a full disk by errors of their own, with the system's words in them;
    # numpy counts: "3072 requested and 3040 written"
    told = str(error)
    known = getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in told
    return known or ("requested and" in told and told.endswith("written"))
