"""What pip would install of this tree: a wheel and an sdist."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(source: Path, out: Path) -> tuple[Path, Path]:
    """A wheel and an sdist of the tracked files, by the build backend itself; no network, no other environment.

    Args:
        source: an empty folder, for a copy of the tree: building leaves files in it.
        out: where both come to lie.
    """
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    code = (
        "import setuptools.build_meta as backend\n"
        f"print(backend.build_wheel({str(out)!r}), backend.build_sdist({str(out)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist
