"""Processes that the tests kill: forked from one that has imported all they need, so that a hundred start soon."""

import multiprocessing
import socket
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.serving.doomed", "serving.app"])


def append(folder: Path, name: str, telling: Connection) -> None:
    """Log events without end, and tell the name of each when it is logged."""
    from serving.follower import Follower
    from serving.journal import Journal, LogConfig
    from serving.record import post_line
    from serving.store import Event

    config = LogConfig(rotate_seconds=0.02, segment_bytes=4000)
    log = Journal(folder, forgotten=lambda _user: None, config=config)
    Follower(log.tick, every=0.01)
    n = 0
    while True:
        event = Event(event_id=f"{name}-{n}", user_id="ann", item_id="i", event="view", at=5)
        log.append(post_line([event], at=5))
        telling.send(event.event_id)
        time.sleep(0.001)
        n += 1


def serve(bundle_root: Path, port: int, state: str, log: Path) -> None:
    """What `recsys serve` does."""
    from serving.run import run
    from serving.site import Site

    site = Site(bundles=bundle_root, state=state, log=log)
    run(site, host="127.0.0.1", port=port, clock="wall")


def appending(folder: Path, name: str) -> tuple[BaseProcess, Connection]:
    """A process that runs `append`, and what it tells."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=append, args=(folder, name, telling), daemon=True)
    process.start()
    telling.close()
    return process, told


def serving(bundle_root: Path, folder: Path, *, state: str | None = None) -> tuple[BaseProcess, str]:
    """A process that runs `serve`, and its address; the log lies in the folder, and the state too without another."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = bundle_root, port, state or str(folder / "state"), folder / "log"
    process = _CONTEXT.Process(target=serve, args=where, daemon=True)
    process.start()
    return process, f"http://127.0.0.1:{port}"


def started(bundle_root: Path, folder: Path, *, state: str | None = None) -> tuple[BaseProcess, str]:
    """The same, when it answers."""
    process, url = serving(bundle_root, folder, state=state)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.is_alive()
        try:
            httpx.get(f"{url}/health/ready", timeout=30)
            return process, url
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("The service does not start.")
