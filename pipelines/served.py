"""Which bundle was last found good, and how `current` goes back to it from one that is not."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.stages import CURRENT
from recsys.artifacts import point_to
from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError, RecsysError

FILE = "served.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A bundle that was published and has passed its smoke test.

    Attributes:
        bundle: its digest.
        night: digest of the input it was made from, and name of the run that made it.
    """

    bundle: str
    night: str

    @classmethod
    def load(cls, directory: Path) -> "Served | None":
        """What `save` wrote; None where it never has.

        Raises:
            ArtifactError: the file cannot be read.
        """
        if not (directory / FILE).exists():
            return None
        body = read_json(directory / FILE)
        try:
            return cls(bundle=str(body["bundle"]), night=str(body["night"]))
        except KeyError as error:
            raise ArtifactError(f"Expected {error} in {directory / FILE}, found none; delete the file.") from error

    def save(self, directory: Path) -> None:
        """Write served.json in one step, durably."""
        temporary = directory / f".{FILE}"
        write_json(temporary, asdict(self))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(directory / FILE)


def tried(root: Path, good: str | None, smoke: Callable[[Path], None]) -> str | None:
    """The digest of what root/current points to, once it has passed its smoke test; None where nothing is published.

    Args:
        root: the folder of bundles.
        good: digest of the last one that passed; it is not tried again.
        smoke: raises where the bundle in a directory does not answer.

    Raises:
        RecsysError: what `smoke` said; `current` points to the good one again, or to none where there was none.
    """
    link = root / CURRENT
    if not link.is_symlink():
        return None
    directory = link.resolve()
    if directory.name != good:
        try:
            smoke(directory)
        except RecsysError:
            _back(link, good)
            raise
    return directory.name


def _back(link: Path, good: str | None) -> None:
    if good is not None and (link.parent / good).is_dir():
        point_to(link, link.parent / good)
    else:
        link.unlink()
