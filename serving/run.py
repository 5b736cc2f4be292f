"""The app under uvicorn, until it is told to stop."""

import contextlib
import gc
import ipaddress
import logging
import logging.config
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import uvicorn

from recsys.errors import UsageError
from serving import logs
from serving.clock import Clock, wall
from serving.clock import log as log_clock
from serving.keys import KeyRing
from serving.limits import Limits
from serving.store import Store
from serving.stores import store_at
from serving.watching import WATCHING, Watching
from serving.workers import Workers

STATE = "state.sqlite"
LOG = "log"
GRACE_SECONDS = 10
"""How long open requests may still take once the service was told to stop."""


def run(
    bundles_root: Path,
    host: str,
    port: int,
    clock: Literal["wall", "log"],
    state: str | None = None,
    *,
    log: Path | None = None,
    keys: Path | None = None,
    workers: int = 1,
    watching: Watching = WATCHING,
) -> None:
    """Serve bundles_root/current on host:port until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt).

    Args:
        bundles_root: the folder of bundles.
        host: a loopback address or name; with keys, any.
        port: 0 takes a free one; the log says which.
        clock: wall: answers are true for now; log: for the end of the bundle's log or the last event posted, running
            on from there.
        state: what remembers what users do: a file, or the redis:// address of a server; by default the file STATE in
            a folder beside `bundles_root`.
        log: the folder of the policy log; by default LOG in that folder.
        keys: the file of those who may ask; without it everybody on this machine may.
        workers: how many processes answer, on one socket; one that ends is started again.
        watching: logs, spans and samples.

    Raises:
        UsageError: a host that others can reach and no keys, keys that cannot be read, an address that cannot be had,
            or spans without their library.
        ArtifactError: no bundle, or one that is not whole.
        StoreError: the state cannot be read or written.
        LogError: the policy log cannot be written.
    """
    if keys is None:
        check_host(host)
    else:
        KeyRing(keys)  # what is wrong with it is told before anything is loaded
    with _bound(host, port) as listener:
        time: Clock = wall
        if clock == "log":
            store = opened(state, bundles_root)
            time = log_clock(store.latest())
            store.close()
        plan = Plan(bundles_root=bundles_root, state=state, log=log, clock=time, keys=keys, watching=watching)
        work = partial(answer, listener=listener, plan=plan)

        def tell() -> None:
            logging.getLogger("uvicorn.error").info("Listening on http://%s:%d", *listener.getsockname()[:2])

        if workers == 1:
            work(tell)
        else:
            with logs.to_stderr(watching.log):
                Workers(workers, work).run(tell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a process needs to know that answers; fields as the arguments of `run`, the clock ticking."""

    bundles_root: Path
    state: str | None
    log: Path | None
    clock: Clock
    keys: Path | None
    watching: Watching


def answer(ready: Callable[[], None], *, listener: socket.socket, plan: Plan) -> None:
    """Serve on a bound socket, others beside, until SIGTERM; `ready` is called before the first request is taken."""
    from serving.app import create_app  # what only looks after the processes that answer needs none of it
    from serving.beside import Beside
    from serving.journal import Journal
    from serving.keeping import forgotten_by

    watching = plan.watching
    with _until_sigterm(), logs.to_stderr(watching.log), watching.spans() as watchers:
        state = _state(plan.state, plan.bundles_root)
        store, log = store_at(state), plan.log or _beside(plan.bundles_root, LOG, "folder by --log")
        journal = Journal(log, forgotten=forgotten_by(store), keeper=Beside(log, state))
        app = create_app(
            plan.bundles_root,
            store=store,
            clock=plan.clock,
            keys=None if plan.keys is None else KeyRing(plan.keys),
            limits=Limits(samples_per_minute=watching.samples_per_minute),
            watchers=watchers,
            log=journal,
        )
        settle()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="on",
        )
        listener.listen(config.backlog)  # whoever connects now is answered soon
        ready()
        uvicorn.Server(config).run(sockets=[listener])


def settle() -> None:
    """Let no answer wait while what was loaded, and stays, is searched for garbage: it takes a seventh of a second."""
    gc.collect()
    gc.freeze()


def opened(state: str | None, bundles_root: Path) -> Store:
    """The store that is asked for; arguments and errors as for `run`."""
    return store_at(_state(state, bundles_root))


def _state(state: str | None, bundles_root: Path) -> str:
    return str(_beside(bundles_root, STATE, "file by --state")) if state is None else state


def _beside(bundles_root: Path, name: str, other: str) -> Path:
    folder = bundles_root.absolute().parent / "serving"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"Cannot keep the {Path(name).stem} in {folder}: {error.strerror}; name another {other}."
        ) from error
    return folder / name


def check_host(host: str) -> None:
    """Refuse an address that other machines can reach, for a service that asks nobody for a key.

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
            "Make one by `recsys key`, and name its file by --keys."
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


class _Told(BaseException):
    """SIGTERM."""


@contextlib.contextmanager
def _until_sigterm() -> Iterator[None]:
    """Let SIGTERM, which uvicorn raises again once it has drained, be an ordinary end; while a bundle is loaded too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def tell(_signal: int, _frame: object) -> None:
        raise _Told

    before = signal.signal(signal.SIGTERM, tell)
    try:
        with contextlib.suppress(_Told):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
