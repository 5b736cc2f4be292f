"""A log of ten million rows judged by the command: python -m tests.bench.off_policy --work DIR [--rows 10000000].

Makes the log of `big_log` and its two policies in DIR, where they are not there yet (0.7 GB), and runs `recsys ab` with
two threads: all estimators, 200 bootstrap samples. One JSON object: rows, seconds, the peak of its memory in GiB, its
exit code.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import big_log

CORES = "2"
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SETTINGS = ("off_policy.samples=200",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    folder = given.work / f"{given.rows}"
    if not (folder / "log").exists():
        folder.mkdir(parents=True, exist_ok=True)
        big_log.write(folder, given.rows // big_log.K)
    print(json.dumps({"rows": given.rows} | figures(folder)))


def figures(folder: Path) -> Mapping[str, object]:
    """Of one run of the command."""
    started = time.perf_counter()
    told = subprocess.run(command(folder), env=os.environ | dict.fromkeys(THREADS, CORES), check=False)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "GiB": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, 2),
        "exit code": told.returncode,
    }


def command(folder: Path) -> list[str]:
    policies = [word for name in big_log.POLICIES for word in ("--policy", f"{name}={folder / name}.parquet")]
    settings = [word for each in SETTINGS for word in ("--set", each)]
    return [sys.executable, "-m", "pipelines", "ab", "--log", str(folder / "log"), *policies, *settings]


if __name__ == "__main__":
    main()
