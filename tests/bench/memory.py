"""What memory every stage takes: python -m tests.bench.memory (--run RUN | --data SET | --events N) [--stages …].

Each stage is made anew, a process of its own as `recsys run` starts it, in a copy of a run or in a run of its own. A
few times a second the memory of all its processes together is looked at, helpers such as Ray's included. Prints a line
a stage:

    stage    pss    own    largest    seconds

MiB at the peak: `pss`, the proportional set size of all processes, files that are mapped included; `own`, what of that
no file stands behind (anonymous and shared memory), which must stay in memory; `largest`, the resident set of the
largest process. `--set` may shorten the trainings: their memory is that of one step, not of many.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.river import THREAD_VARIABLES
from pipelines.run_directory import RunDirectory
from pipelines.source import locate
from pipelines.stages import BUNDLES, Stage, chosen
from recsys import settings
from tests.bench import large_shop

EVERY = 0.25
"""Seconds between two looks; one costs milliseconds for each GiB that is mapped."""

_KIB = re.compile(r"^(Pss|Pss_Anon|Pss_Shmem|VmHWM):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """MiB: of all processes, of it without files behind, of the largest process; and clock seconds."""

    pss: float
    own: float
    largest: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="a run directory; a copy of it is made anew")
    source.add_argument("--data", help="a known source or a directory in the plain form")
    source.add_argument("--events", type=int, help="a made-up shop of so many events, read by a random encoder")
    parser.add_argument("--items", type=int, default=4000, help="of the made-up shop")
    parser.add_argument("--until", help="cut the log first")
    parser.add_argument("--set", dest="assignments", action="append", default=[], help="section.key=value")
    parser.add_argument("--stages", help="which, separated by commas; all if not given")
    parser.add_argument("--work", type=Path, help="where the run is made, and kept; a temporary folder if not given")
    given = parser.parse_args()
    with _folder(given.work) as work:
        opened = _opened(given, work)
        stages = _asked(opened, given.stages)
        _forget(opened, stages)
        print(f"{'stage':14s}{'pss':>9s}{'own':>9s}{'largest':>9s}{'seconds':>9s}", flush=True)
        for stage in stages:
            peak = watched(stage, opened)
            figures = (peak.pss, peak.own, peak.largest, peak.seconds)
            print(f"{stage.name:14s}" + "".join(f"{value:9.0f}" for value in figures), flush=True)


def watched(stage: Stage, opened: RunDirectory) -> Peak:
    """Of one stage, made in a process of its own."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(opened.settings.threads))}
    command = [sys.executable, "-m", "pipelines", stage.name, "--run", str(opened.path)]
    return peak_of(subprocess.Popen(command, env=environment, start_new_session=True))


def peak_of(process: subprocess.Popen) -> Peak:
    """Of a process and all that came from it, until it ends; what fails stops everything."""
    start, pss, own, largest = time.monotonic(), 0, 0, 0
    while process.poll() is None:
        looked = [_kib(pid) for pid in _tree(process.pid)]
        pss = max(pss, sum(each.get("Pss", 0) for each in looked))
        own = max(own, sum(each.get("Pss_Anon", 0) + each.get("Pss_Shmem", 0) for each in looked))
        largest = max(largest, *(each.get("VmHWM", 0) for each in looked), 0)
        time.sleep(EVERY)
    if process.returncode != 0:
        raise SystemExit(f"{process.args} ended with exit code {process.returncode}.")
    seconds = time.monotonic() - start
    return Peak(pss=pss / 1024, own=own / 1024, largest=largest / 1024, seconds=seconds)


def _tree(pid: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            fields = status.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def _kib(pid: int) -> dict[str, int]:
    """The lines of `_KIB` of a process; none where it has ended."""
    told = ""
    for file in ("smaps_rollup", "status"):
        with contextlib.suppress(OSError):
            told += Path(f"/proc/{pid}/{file}").read_text()
    return {name: int(value) for name, value in _KIB.findall(told)}


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _opened(given: argparse.Namespace, work: Path) -> RunDirectory:
    """A run in `work`: a copy of the given one with other settings, or a new one."""
    path = work / "run"
    if given.run is not None:
        if not path.exists():
            shutil.copytree(given.run, path, symlinks=True, ignore=shutil.ignore_patterns(".work"))
        before = RunDirectory.open(path)
        source, digest, until = before.source, before.source_digest, before.until
        chosen_settings = settings.changed(before.settings, given.assignments)
    else:
        data, more = given.data, []
        if given.events is not None:
            data, more = large_shop.written(work / "shop", events=given.events, items=given.items)
        source, digest = locate(data)
        until, chosen_settings = given.until, settings.load(None, [*more, *given.assignments])
    opened = RunDirectory(path=path, source=source, source_digest=digest, until=until, settings=chosen_settings)
    opened.save()
    return opened


def _asked(opened: RunDirectory, names: str | None) -> Sequence[Stage]:
    every = chosen(opened.settings)
    return every if names is None else [stage for stage in every if stage.name in names.split(",")]


def _forget(opened: RunDirectory, stages: Sequence[Stage]) -> None:
    """What they make, and bundles, from which an embedding would take its vectors."""
    for name in [BUNDLES, *(name for stage in stages for name in stage.makes)]:
        shutil.rmtree(opened / name, ignore_errors=True)


if __name__ == "__main__":
    main()
