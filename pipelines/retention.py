"""Which artifacts named by their digest stay, and how the others go."""

import shutil
from collections.abc import Collection
from pathlib import Path

from pipelines.stages import CURRENT
from recsys.artifacts import MANIFEST

_GOING = ".gone-"
"""Start of the name of what is being deleted: nobody takes a half of it for the whole."""


def sweep(root: Path, *, keep: int, named: Collection[str] = (), mark: str = MANIFEST) -> list[str]:
    """Delete all but the latest artifacts of a folder, those that are named, and the one that `current` points to.

    Whoever has the files of a deleted one open reads on. Interrupted, it is done by the next call.

    Args:
        root: the folder; artifacts lie in it by the digest.
        keep: how many stay, the latest by the time `mark` was written; what is named counts among them where
            it is one of the latest, and stays beside them where it is not.
        named: digests that stay.
        mark: the file that a whole one has.

    Returns:
        The digests of what was deleted, the latest first.
    """
    for rest in root.glob(f"{_GOING}*"):
        shutil.rmtree(rest, ignore_errors=True)
    found = {path.parent.name: path.stat().st_mtime_ns for path in root.glob(f"*/{mark}")}
    whole = [name for name in found if not (root / name).is_symlink() and not name.startswith(".")]
    latest = sorted(whole, key=lambda name: (-found[name], name))
    stays = {*latest[:keep], *named, (root / CURRENT).resolve().name}
    gone = [name for name in latest if name not in stays]
    for name in gone:
        hidden = (root / name).rename(root / f"{_GOING}{name}")
        shutil.rmtree(hidden, ignore_errors=True)
    return gone
