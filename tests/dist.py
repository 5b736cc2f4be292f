"""What pip would install of this tree, a wheel and an sdist, and environments to install it in."""

import os
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


def installed(environment: Path, *what: str | Path) -> Path:
    """The site-packages of a new environment that holds what is installed, and no more: no pip, no setuptools.

    Args:
        environment: the folder to make.
        what: to install, and pip's options.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", "--quiet", "--no-compile"]
    # an egg-info of the tree, on the path, would pass for an installation
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, "--disable-pip-version-check", *what], cwd=environment, env=outside, check=True)
    (site,) = (environment / "lib").glob("python*/site-packages")
    return site
