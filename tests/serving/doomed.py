"""Processes that the tests kill: forked from one that has imported all they need, so that a hundred start soon."""

import multiprocessing
import socket
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

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


def serve(bundle_root: Path, port: int, folder: Path) -> None:
    """Serve a bundle; state and log lie in the folder."""
    from serving.run import run
    from serving.site import Site

    site = Site(bundles=bundle_root, state=str(folder / "state"), log=folder / "log")
    run(site, host="127.0.0.1", port=port, clock="wall")


def appending(folder: Path, name: str) -> tuple[BaseProcess, Connection]:
    """A process that runs `append`, and what it tells."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=append, args=(folder, name, telling), daemon=True)
    process.start()
    telling.close()
    return process, told


def serving(bundle_root: Path, folder: Path) -> tuple[BaseProcess, str]:
    """A process that runs `serve`, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = _CONTEXT.Process(target=serve, args=(bundle_root, port, folder), daemon=True)
    process.start()
    return process, f"http://127.0.0.1:{port}"
