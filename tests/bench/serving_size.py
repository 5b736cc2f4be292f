"""What an installation that serves takes on disk, and that it answers: python -m tests.bench.serving_size.

Makes a wheel of this tree, installs it with what serving needs into a new environment, slims that as the serving image
is, and prints MB (10⁶ bytes) by distribution and of all. Then the installation serves a made-up shop, and is asked.
Exits 1 where it is larger than LIMIT, holds what only training needs, or does not answer. Needs the package index.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from recsys.ranking.config import RankingConfig, RecommenderConfig, TreesConfig
from tests.bench import big_world
from tests.bench.load.server import served
from tests.dist import ROOT, build, installed

LIMIT = 700e6
"""Bytes of all files."""
EXTRAS = "serve,redis"
NEEDLESS = re.compile(r"(torch|pyarrow|transformers|peft|ray|pandas|triton|nvidia|cuda)([-_.]|$)")
SHOWN = 1e6
"""Smaller distributions are told in one line."""
CONFIG = RecommenderConfig(ranking=RankingConfig(trees=TreesConfig(trees=5, leaves=5, min_rows=5)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundles", type=Path, help="the folder with `current` in it that is served; else one is made")
    bundles = parser.parse_args().bundles
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("source", "dist"):
            (folder / part).mkdir()
        wheel, _ = build(folder / "source", folder / "dist")
        site = installed(folder / "environment", "-c", ROOT / "constraints.txt", f"{wheel}[{EXTRAS}]")
        told(site, "installed")
        subprocess.run([sys.executable, ROOT / "deploy/slim.py", site], check=True)
        sizes = by_distribution(site)
        print("\n".join(table(sizes)))
        faults = judged(told(site, "slimmed"), list(sizes))
        if bundles is None:
            bundles = folder / "bundles"
            big_world.write(bundles, big_world.Size(users=400, items=600, events=3000, dim=8), CONFIG)
        print(asked(folder / "environment/bin/python", bundles))
    if faults:
        raise SystemExit("\n".join(faults))


def by_distribution(site: Path) -> dict[str, int]:
    """Distribution → bytes of the files that pip wrote for it; what belongs to none is under an empty name."""
    sizes = {}
    for one in distributions(path=[str(site)]):
        files = [site / file for file in one.files or []]
        sizes[canonicalize_name(one.name)] = sum(path.stat().st_size for path in files if path.is_file())
    owned = {(site / file).resolve() for one in distributions(path=[str(site)]) for file in one.files or []}
    others = [path for path in site.rglob("*") if path.is_file() and path.resolve() not in owned]
    return sizes | {"": sum(path.stat().st_size for path in others)}


def table(sizes: dict[str, int]) -> list[str]:
    """A line for each that is large, largest first, and one for the rest."""
    large = sorted((name for name in sizes if sizes[name] >= SHOWN), key=lambda name: (-sizes[name], name))
    rest = [name for name, size in sizes.items() if size and name not in large]
    lines = [f"{name or 'of none':32}{sizes[name] / 1e6:9.1f}" for name in large]
    return [*lines, f"{f'{len(rest)} others':32}{sum(sizes[name] for name in rest) / 1e6:9.1f}"]


def told(site: Path, state: str) -> int:
    """Bytes of all files there; a line is printed, with what `du` says, too: whole blocks of the disk."""
    files = [path.stat() for path in site.rglob("*") if path.is_file()]
    size, blocks = sum(file.st_size for file in files), 512 * sum(file.st_blocks for file in files)
    print(f"{state:32}{size / 1e6:9.1f} MB = {size / 2**20:.1f} MiB; on disk {blocks / 1e6:.1f} MB")
    return size


def judged(size: int, names: list[str]) -> list[str]:
    """A sentence for each thing that is wrong."""
    needless = sorted(name for name in names if NEEDLESS.match(name))
    faults = [f"Expected nothing that only training needs, found {', '.join(needless)}."] if needless else []
    if size > LIMIT:
        faults += [f"Expected at most {LIMIT / 1e6:.0f} MB, got {size / 1e6:.1f}; the table tells what is large."]
    return faults


def asked(python: Path, bundles: Path) -> str:
    """A line on how the installation serves a bundle; SystemExit where its health or a list is not as it should be."""

    def command(bundles: Path, state: Path, _workers: int) -> list[str]:
        where = ["--bundles", str(bundles), "--port", "0", "--state", str(state), "--log", str(state.with_name("log"))]
        return [str(python), "-I", "-m", "pipelines", "serve", *where, "--clock", "log"]  # -I: nothing of this tree

    with served(bundles.resolve(), cores=sorted(os.sched_getaffinity(0)), command=command) as server:
        here = f"http://127.0.0.1:{server.port}"
        with urllib.request.urlopen(f"{here}/health/live", timeout=60) as answer:
            live = json.load(answer)
        question = json.dumps({"user_id": "nobody", "k": 3}).encode()
        asking = urllib.request.Request(f"{here}/v1/recommend", question, {"content-type": "application/json"})
        with urllib.request.urlopen(asking, timeout=60) as answer:
            listed = json.load(answer)
    if live != {"status": "live"} or len(listed["items"]) != 3 or listed["degraded"]:
        raise SystemExit(f"Expected to be live and a list of 3 items, got {live} and {listed}.")
    return f"serves: {live['status']}, a list of {len(listed['items'])} items"


if __name__ == "__main__":
    main()
