"""Memory of a process that has loaded a bundle and answered once: python -m pipelines.resident BUNDLE."""

import re
import subprocess
import sys
from pathlib import Path

from recsys.bundle import Bundle
from recsys.errors import RecsysError

_STATUS = Path("/proc/self/status")


def resident(bundle: Path) -> float | None:
    """Megabytes (10^6 bytes) of the resident set, in a process of its own; None where the system does not tell.

    Raises:
        RecsysError: the process failed; it has told why on stderr.
    """
    if not _STATUS.is_file():
        return None
    done = subprocess.run([sys.executable, "-m", __name__, str(bundle)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RecsysError(f"Expected {bundle} to load in a process of its own, got exit code {done.returncode}.")
    return int(done.stdout) / 1e6


def _answered(directory: Path) -> None:
    bundle = Bundle.load(directory)
    bundle.recommender.recommend(bundle.histories(bundle.users.ids[:1]), k=20, as_of=bundle.end)


if __name__ == "__main__":
    _answered(Path(sys.argv[1]))
    # VmRSS, for the peak that getrusage tells is the parent's where that was larger
    print(int(re.findall(r"VmRSS:\s+(\d+) kB", _STATUS.read_text())[0]) * 1024)
