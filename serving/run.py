"""The app under uvicorn, until it is told to stop."""

import contextlib
import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import uvicorn

from recsys.errors import UsageError
from serving import logs
from serving.app import create_app
from serving.clock import log, wall
from serving.sqlite import SqliteStore
from serving.store import Store
from serving.watching import WATCHING, Watching

STATE = "state.sqlite"
GRACE_SECONDS = 10
"""How long open requests may still take once the service was told to stop."""


def run(
    bundles_root: Path,
    host: str,
    port: int,
    clock: Literal["wall", "log"],
    state: str | None = None,
    watching: Watching = WATCHING,
) -> None:
    """Serve bundles_root/current on host:port until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt).

    Args:
        bundles_root: the folder of bundles.
        host: a loopback address or name.
        port: 0 takes a free one; the log says which.
        clock: wall: answers are true for now; log: for the end of the bundle's log or the last event posted, running
            on from there.
        state: what remembers what users do: a file, or the redis:// address of a server; by default the file STATE in
            a folder beside `bundles_root`.
        watching: logs, spans and samples.

    Raises:
        UsageError: a host that others can reach, an address that cannot be had, or spans without their library.
        ArtifactError: no bundle, or one that is not whole.
        StoreError: the state cannot be read or written.
    """
    check_host(host)
    with _bound(host, port) as listener, _sigterm_returns(), logs.to_stderr(watching.log), watching.spans() as watchers:
        store = opened(state, bundles_root)
        app = create_app(
            bundles_root,
            store=store,
            clock=log(store.latest()) if clock == "log" else wall,
            samples_per_minute=watching.samples_per_minute,
            watchers=watchers,
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="on",
        )
        logging.getLogger("uvicorn.error").info("Listening on http://%s:%d", *listener.getsockname()[:2])
        uvicorn.Server(config).run(sockets=[listener])


def opened(state: str | None, bundles_root: Path) -> Store:
    """The store that is asked for; arguments and errors as for `run`."""
    if state is None or "://" not in state:
        return SqliteStore(_beside(bundles_root) if state is None else Path(state))
    from serving.redis import RedisStore  # only who uses a server needs its client

    return RedisStore(state)


def _beside(bundles_root: Path) -> Path:
    folder = bundles_root.absolute().parent / "serving"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"Cannot keep the state in {folder}: {error.strerror}; name another file by --state."
        ) from error
    return folder / STATE


def check_host(host: str) -> None:
    """Refuse an address that other machines can reach: the service asks nobody for a key.

    Raises:
        UsageError: not a loopback address.

    >>> check_host("127.0.0.1"), check_host("::1"), check_host("localhost")
    (None, None, None)
    """
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            f"Expected a loopback host such as 127.0.0.1, got {host!r}; anybody there could ask without a key. "
            "Put a proxy that checks keys before the service."
        )


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        raise UsageError(f"Cannot listen on {host} port {port}: {error}; choose another port.") from error
    return listener


@contextlib.contextmanager
def _sigterm_returns() -> Iterator[None]:
    """Let SIGTERM, which uvicorn raises again once it has drained, be an ordinary end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
