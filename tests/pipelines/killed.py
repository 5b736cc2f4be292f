"""Processes that make lists until the tests kill them, forked from one that has imported all they need."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.pipelines.killed", "pipelines.batch"])


def make(bundle: Path, out: Path, size: int) -> None:
    """What `recsys recommend` does, with smaller partitions."""
    from pipelines import batch, partitions
    from pipelines.list_maker import Wanted

    partitions.USERS = size
    batch.recommend(Wanted(bundle=bundle, k=5), out=out, whom=batch.Whom())


def killed(bundle: Path, out: Path, *, size: int, when: Callable[[], bool], later: float) -> bool:
    """Start it, kill it by SIGKILL so many seconds after `when` holds; whether it was still at work."""
    process = _CONTEXT.Process(target=make, args=(bundle, out, size), daemon=True)
    process.start()
    while process.is_alive() and not when():
        time.sleep(0.0005)
    time.sleep(later)
    alive = _kill(process)
    assert alive or process.exitcode == 0
    return alive


def _kill(process: BaseProcess) -> bool:
    alive = process.is_alive()
    process.kill()
    process.join(30)
    return alive
