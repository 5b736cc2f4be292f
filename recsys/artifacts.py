"""Artifacts on disk: a directory that is complete or absent, plain, and knows its parents.

An artifact is written into a hidden sibling directory; the manifest comes last, then one rename makes it visible. The
digest of an artifact covers its kind, its configuration, its parents' digests and the sha256 of its files. Files named
in `MEASURED` hold clock readings: they are checked like the others but do not enter the digest, so that the
same inputs give the same digest on a slower day.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.errors import ArtifactError
from recsys.workspace import disk_error, settle, workspace

_NEAR = "bundles/current"
"""Where a run's bundle lies; the run's own folder is easily taken for it."""

MANIFEST = "manifest.json"
MEASURED = frozenset({"measured.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artifact is, what it was made from, and the sha256 of each of its files.

    Attributes:
        kind: the artifact's type, such as "catalog" or "bundle".
        config: the settings that shaped it, JSON types only.
        parents: name → digest of the artifacts it was made from.
        files: relative path → sha256 (hex).
        digest: sha256 (hex) over all of the above, measured files left out.
    """

    kind: str
    config: Mapping[str, Any]
    parents: Mapping[str, str]
    files: Mapping[str, str]
    digest: str


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Hex sha256 of a JSON value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _digest(kind: str, config: Mapping[str, Any], parents: Mapping[str, str], files: Mapping[str, str]) -> str:
    identity = {name: value for name, value in files.items() if Path(name).name not in MEASURED}
    return digest_of([kind, dict(config), dict(parents), identity])


@contextlib.contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """A fresh directory beside `target` that replaces it when the block ends well, and vanishes when it does not.

    Yields:
        The directory to write into.

    Raises:
        ArtifactError: the disk is full or not writable; the old `target`, if any, is untouched.
    """
    with workspace(target) as work:
        yield work
        settle(target, work)


@contextlib.contextmanager
def publish(
    target: Path, *, kind: str, config: Mapping[str, Any] | None = None, parents: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Write an artifact: files go into the yielded directory, the manifest is added, one rename publishes it.

    Yields:
        The directory to write into.
    """
    with atomic_directory(target) as work:
        yield work
        write_manifest(work, kind=kind, config=config or {}, parents=parents or {})


def publish_by_digest(
    root: Path,
    write: Callable[[Path], None],
    *,
    kind: str,
    config: Mapping[str, Any] | None = None,
    parents: Mapping[str, str] | None = None,
) -> Path:
    """Write an artifact into the folder below `root` that is named by its digest, and return that folder.

    One that is there already, and whole, is left as it is: somebody may be reading it.

    Args:
        root: the folder of all such artifacts.
        write: writes the files into the directory it is given.
        kind: the artifact's type.
        config: the settings that shaped it.
        parents: name → digest of the artifacts it was made from.

    Raises:
        ArtifactError: the disk is full or not writable; nothing was changed.
    """
    with workspace(root / kind) as work:
        write(work)
        target = root / write_manifest(work, kind=kind, config=config or {}, parents=parents or {}).digest
        if not _is_whole(target, kind=kind):
            settle(target, work)
    return target


def adopt(written: Path, root: Path, *, kind: str) -> Path:
    """Move an artifact that was written elsewhere on the same disk to root/<digest>, and return that folder.

    One that is there already, and whole, is left as it is, and so is the one written.

    Args:
        written: a directory with a manifest.
        root: the folder of all such artifacts; made where it is missing.
        kind: the artifact's type.

    Raises:
        ArtifactError: no such artifact, or the disk is full or not writable.
    """
    target = root / read_manifest(written, kind=kind).digest
    if not _is_whole(target, kind=kind):
        try:
            root.mkdir(parents=True, exist_ok=True)
            settle(target, written)
        except OSError as error:
            raise disk_error(target, error) from error
    return target


def _is_whole(directory: Path, *, kind: str) -> bool:
    try:
        verify(directory, kind=kind)
    except ArtifactError:
        return False
    return True


def write_manifest(directory: Path, *, kind: str, config: Mapping[str, Any], parents: Mapping[str, str]) -> Manifest:
    """Hash every file below `directory` and write its manifest, last and durably."""
    names = sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file())
    files = {name: sha256(directory / name) for name in names if name != MANIFEST}
    manifest = Manifest(
        kind=kind, config=config, parents=parents, files=files, digest=_digest(kind, config, parents, files)
    )
    body = {name: getattr(manifest, name) for name in Manifest.__slots__}
    with (directory / MANIFEST).open("w") as f:
        json.dump(body, f, indent=1, sort_keys=True)
        f.flush()
        os.fsync(f.fileno())
    return manifest


def read_manifest(directory: Path, *, kind: str) -> Manifest:
    """The manifest of an artifact, its form and digest checked, its files not yet.

    Raises:
        ArtifactError: no manifest, not JSON, of another kind, or altered.
    """
    path = directory / MANIFEST
    if not path.is_file():
        near = [place for base in (directory, directory.parent) if ((place := base / _NEAR) / MANIFEST).is_file()]
        cure = f"did you mean {near[0]}?" if near else "run the stage that makes it."
        raise ArtifactError(f"Expected a {kind} at {directory}, found no {MANIFEST}; {cure}")
    try:
        body = json.loads(path.read_text())
        manifest = Manifest(**body)
        expected = _digest(manifest.kind, manifest.config, manifest.parents, manifest.files)
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} is not a manifest ({error}); delete {directory} and make it again.") from error
    if manifest.kind != kind:
        raise ArtifactError(f"Expected a {kind} at {directory}, found a {manifest.kind}; check the path.")
    if manifest.digest != expected:
        raise ArtifactError(f"{path} was altered: its digest is {expected[:12]}…, it says {manifest.digest[:12]}….")
    return manifest


def verify(directory: Path, *, kind: str) -> Manifest:
    """The manifest of an artifact after comparing every file with its sha256. Call this before parsing anything.

    Raises:
        ArtifactError: a file is missing, added or altered.
    """
    manifest = read_manifest(directory, kind=kind)
    found = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()} - {MANIFEST}
    if found != set(manifest.files):
        odd = min(found ^ set(manifest.files))
        word = "missing" if odd in manifest.files else "not in the manifest"
        raise ArtifactError(f"{directory / odd} is {word}; the {kind} is not whole, make or copy it again.")
    for name, expected in manifest.files.items():
        got = sha256(directory / name)
        if got != expected:
            raise ArtifactError(
                f"{directory / name} was altered: sha256 is {got[:12]}…, the manifest says {expected[:12]}…; "
                f"make or copy the {kind} again."
            )
    return manifest


def point_to(link: Path, target: Path) -> None:
    """Make `link` a relative symbolic link to its sibling `target`, in one step.

    Raises:
        ArtifactError: the disk is full or not writable; the old link is untouched.
    """
    temporary = link.with_name(f".{link.name}-{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target.name)
        temporary.replace(link)
    except OSError as error:
        raise disk_error(link, error) from error
