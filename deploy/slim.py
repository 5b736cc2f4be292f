"""Takes out of an installation for serving what nobody there reads: python deploy/slim.py SITE_PACKAGES.

Tests of packages go, compiled Python goes, and the libraries of STRIPPED lose their symbol tables, which only debuggers
and linkers read. serving.Dockerfile calls it, and so does `python -m tests.bench.serving_size`, which shows that the
rest still answers. Needs `strip`, of Debian's binutils. Done again, it changes nothing.
"""

import shutil
import subprocess
import sys
from pathlib import Path

NEEDLESS = frozenset({"tests", "__pycache__"})
"""Names of folders; Python's own images hold none of either."""
STRIPPED = (
    "llvmlite/binding/libllvmlite.so",
    "_polars_runtime_32/*.so",
    "uvloop/loop.*.so",
    "httptools/parser/*.so",
    "tokenizers/*.so",
    "hf_xet/*.so",
    "yaml/_yaml.*.so",
)
"""Named one by one: what was moved by auditwheel, as in all *.libs folders, may not load any more once stripped."""


def main() -> None:
    """Slim the folder that is named."""
    if len(sys.argv) != 2:
        raise SystemExit("Expected one argument, the folder site-packages of an installation; see the top of slim.py.")
    slim(Path(sys.argv[1]))


def slim(site: Path) -> None:
    """Make an installation smaller, in place.

    Args:
        site: its site-packages, of `recsys[serve]`.

    Raises:
        SystemExit: a library of STRIPPED is not there, or there is no `strip`; nothing has been changed then.
    """
    libraries = [library for pattern in STRIPPED for library in _found(site, pattern)]
    if shutil.which("strip") is None:
        raise SystemExit("Expected the program strip on the PATH, found none; apt-get install binutils brings it.")
    for folder in [path for path in site.rglob("*") if path.name in NEEDLESS and path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=not folder.exists())  # gone with one above it
    for library in libraries:
        _strip(library)


def _found(site: Path, pattern: str) -> list[Path]:
    found = sorted(site.glob(pattern))
    if not found:
        raise SystemExit(
            f"Expected {pattern} in {site}, found no such library; install recsys[serve] there, or, where a newer "
            f"version has moved it, name it anew in STRIPPED of {Path(__file__).name}."
        )
    return found


def _strip(library: Path) -> None:
    """Into another file first: an installer may share one with its cache, and half a library is never seen."""
    made = library.with_name(f".{library.name}.slim")
    try:
        subprocess.run(["strip", "--strip-unneeded", "-o", made, library], check=True)
        shutil.copymode(library, made)
        made.replace(library)
    finally:
        made.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
