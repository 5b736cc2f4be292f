"""The endpoint as processes of its own, and what they hold."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load.client import Client, message, poisson

START_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running one.

    Attributes:
        pid: of the process that was started.
        port: where it answers.
        folder: where it keeps what it remembers: the state, and in `log` the policy log.
        lines: what it has written to stderr.
    """

    pid: int
    port: int
    folder: Path
    lines: Path

    def memory(self) -> dict[int, tuple[float, float]]:
        """Process → MiB resident, and MiB with shared pages divided among those that share them; largest first."""
        found = {}
        for pid in _family(self.pid):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:  # it has ended
                continue
            rss, pss = (int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1]) / 1024 for name in ("Rss", "Pss"))
            found[pid] = rss, pss
        return dict(sorted(found.items(), key=lambda item: -item[1][0]))

    def worked(self) -> float:
        """Seconds of CPU that all its processes have used: unlike a latency, nobody else on the machine adds to it."""
        stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in _family(self.pid))
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")

    def handles(self) -> int:
        """Open files of all its processes."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in _family(self.pid))


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    children = [
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]
    return [pid, *(member for child in children for member in _family(child))]


def by_uvicorn(bundles: Path, state: Path, workers: int) -> list[str]:
    """`recsys serve` on a free port, its policy log beside the state."""
    where = ["--bundles", str(bundles), "--port", "0", "--state", str(state), "--log", str(state.with_name("log"))]
    return [sys.executable, "-m", "pipelines", "serve", *where, "--workers", str(workers), "--clock", "log"]


def by_ray(bundles: Path, state: Path, _workers: int) -> list[str]:
    """`serving/ray_serve.yaml` with one replica."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return [sys.executable, "-m", "tests.ray_cluster", str(bundles), str(state), str(port)]


@contextmanager
def served(
    bundles: Path,
    *,
    cores: Sequence[int],
    workers: int = 1,
    command: Callable[[Path, Path, int], list[str]] = by_uvicorn,
) -> Iterator[Server]:
    """Started on these cores only, its state in a folder that is deleted afterwards.

    Args:
        bundles: the folder with `current` in it.
        cores: of this machine.
        workers: how many processes answer.
        command: that starts it, from the folder, the file of the state and the number of workers.
    """
    with tempfile.TemporaryDirectory() as name, (Path(name) / "log").open("w+") as log:
        folder = Path(name) / "state"
        folder.mkdir()
        started = command(bundles, folder / "state.sqlite", workers)
        process = subprocess.Popen(started, stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        try:
            yield _started(process, Path(name) / "log", folder)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _started(process: subprocess.Popen, log: Path, folder: Path) -> Server:
    until = time.monotonic() + START_SECONDS
    while (told := re.search(r"Listening on http://\S+:(\d+)", log.read_text())) is None:
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"The server did not start:\n{log.read_text()}")
        time.sleep(0.05)
    port = int(told[1])
    alive = message("/health/ready", None)
    while not Client(port).load(poisson(100, 1, seed=0), [alive], patience=1).good.all():
        if time.monotonic() > until:
            raise SystemExit(f"The server listens but does not answer:\n{log.read_text()}")
        time.sleep(0.05)
    return Server(pid=process.pid, port=port, folder=folder, lines=log)
