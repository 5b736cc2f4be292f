"""A log of ten million rows judged by the command: python -m tests.bench.off_policy --work DIR [--rows 10000000].

Makes the log of `big_log` and its two policies in DIR, where they are not there yet (0.7 GB), and runs `recsys ab` with
two threads: all estimators, 200 bootstrap samples. One JSON object: rows, seconds, those of each step that the command
tells, seconds of CPU time (which depend less on what else runs), the peak of its memory in GiB, its exit code, and by
which estimator each policy could be judged.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from recsys.schema import DAY, SECOND
from tests.bench import big_log

CORES = "2"
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
COPIED = datetime.fromtimestamp((big_log.START + big_log.SPAN + DAY) / SECOND, UTC).isoformat()
"""When the log is said to be complete: a day after its last answer."""

SETTINGS = ("off_policy.samples=200", f"off_policy.as_of={COPIED}", f"threads={CORES}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    folder = given.work / f"{given.rows}"
    if not (folder / "log").exists():
        big_log.write(folder, given.rows // big_log.K)
    print(json.dumps({"rows": given.rows} | figures(folder)))


def figures(folder: Path) -> dict[str, object]:
    """Of one run of the command."""
    started = time.perf_counter()
    environment = os.environ | dict.fromkeys(THREADS, CORES)
    with subprocess.Popen(
        command(folder), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        steps = timed(process.stderr)
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(seconds, 1),
        "steps": steps,
        "CPU seconds": round(used.ru_utime + used.ru_stime, 1),
        "GiB": round(used.ru_maxrss / 2**20, 2),
        "exit code": process.returncode,
        "judged by": headlines(folder / "ab" / "ab.json"),
    }


def command(folder: Path) -> list[str]:
    policies = [word for name in big_log.POLICIES for word in ("--policy", f"{name}={folder / name}.parquet")]
    settings = [word for each in SETTINGS for word in ("--set", each)]
    where = ["--log", str(folder / "log"), "--out", str(folder / "ab")]
    return [sys.executable, "-m", "pipelines", "ab", *where, *policies, *settings]


def timed(lines: Iterable[str]) -> dict[str, float]:
    """The first words of each line, which is passed on → seconds until the next step is told; indented ones are none.

    >>> list(timed(["reading DIR/log", "asking near about 5 answers", "  near 5/5"]))
    ['reading', 'asking near']
    """
    found: dict[str, float] = {}
    name, started = "", time.perf_counter()
    for line in lines:
        sys.stderr.write(line)
        if not line.startswith(" "):
            found[name] = round(time.perf_counter() - started, 1)
            words = line.split(" about ")[0].split()
            name, started = (
                " ".join(words[:1] if len(words) > 1 and "/" in words[1] else words[:2]),
                time.perf_counter(),
            )
    found[name] = round(time.perf_counter() - started, 1)
    found.pop("")
    return found


def headlines(file: Path) -> dict[str, str | None]:
    """Policy → the estimator that its verdict rests on; empty where the log could not be evaluated."""
    found = json.loads(file.read_text()) if file.exists() else {}
    return {name: each["headline"] for name, each in found.get("policies", {}).items()}


if __name__ == "__main__":
    main()
