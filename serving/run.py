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
from functools import partial
from typing import Literal

import uvicorn

from recsys.errors import UsageError
from serving import logs
from serving.clock import Clock
from serving.site import Site
from serving.watching import WATCHING, Watching
from serving.workers import Workers

GRACE_SECONDS = 10
"""How long open requests may still take once the service was told to stop."""


def run(
    site: Site,
    *,
    host: str,
    port: int,
    clock: Literal["wall", "log"],
    workers: int = 1,
    watching: Watching = WATCHING,
) -> None:
    """Serve a site on host:port until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt).

    Args:
        site: bundles, state, log, keys and settings.
        host: a loopback address or name; with keys, any.
        port: 0 takes a free one; the log says which.
        clock: as for `Site.clock`.
        workers: how many processes answer, on one socket; one that ends is started again.
        watching: logs and spans.

    Raises:
        UsageError: a host that others can reach and no keys, keys that cannot be read, an address that cannot be had,
            or spans without their library.
        ArtifactError: no bundle, or one that is not whole.
        StoreError: the state cannot be read or written.
        LogError: the policy log cannot be written.
    """
    if site.ring() is None:  # what is wrong with keys is told before anything is loaded
        check_host(host)
    with _bound(host, port) as listener:
        work = partial(answer, listener=listener, site=site, clock=site.clock(clock), watching=watching)

        def tell() -> None:
            logging.getLogger("uvicorn.error").info("Listening on http://%s:%d", *listener.getsockname()[:2])

        if workers == 1:
            work(tell)
        else:
            with logs.to_stderr(watching.log):
                Workers(workers, work).run(tell)


def answer(ready: Callable[[], None], *, listener: socket.socket, site: Site, clock: Clock, watching: Watching) -> None:
    """Serve on a bound socket, others beside, until SIGTERM; `ready` is called before the first request is taken."""
    with _until_sigterm(), logs.to_stderr(watching.log), watching.spans() as watchers:
        app = site.app(clock=clock, watchers=watchers)
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
