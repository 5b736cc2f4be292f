"""The same app as a Ray Serve application, for several machines: replicas behind Ray's proxy. The only file with Ray.

`serve run serving/ray_serve.yaml`; the settings of the cluster are in that file.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from fastapi import FastAPI
from pydantic import Field
from ray import serve
from ray.serve import Application
from starlette.middleware import Middleware

from recsys.data.config import Config
from recsys.errors import UsageError
from serving import logs
from serving.clock import Clock
from serving.exporter import export
from serving.logs import Form
from serving.nearby import Nearby
from serving.settings import USUAL, Settings
from serving.site import Site
from serving.watch import Watcher
from serving.watching import Watching


class Ports(Config):
    """Where each replica of a machine tells its metrics."""

    first: int = Field(9101, ge=1, le=65535, description="The first port, on loopback.")
    n: int = Field(8, ge=0, description="How many follow each other: as many as a machine has replicas; 0: none.")

    @property
    def every(self) -> range:
        """All of them."""
        return range(self.first, self.first + self.n)


class Arguments(Config):
    """What a replica is made from; `args` in the file."""

    bundles: Path = Field(description="The folder with `current` in it, the same on all machines.")
    state: str = Field(
        description="redis://host:port/0 for several machines; a file of this machine where all replicas are on it."
    )
    clock: Literal["wall", "log"] = "wall"
    log: Path | None = Field(
        None,
        description="The folder of the policy log, one for all replicas and machines, on a file system with locks: a "
        "user is deleted from all of it; else beside the bundles.",
    )
    keys: Path | None = Field(None, description="Who may ask; without it only who comes by a loopback address.")
    settings: Settings = Field(USUAL, description="The sections [limits] and [log] of `recsys serve --settings`.")
    lines: Form = Field("json", description="Form of the lines on stderr, which Ray keeps in a file of each replica.")
    trace: str | None = Field(None, description="An OpenTelemetry collector, http://host:4318.")
    metrics: Ports = Ports()

    def site(self) -> Site:
        """The same for a process that answers."""
        return Site(bundles=self.bundles, state=self.state, log=self.log, keys=self.keys, settings=self.settings)


@serve.deployment
@serve.ingress()
class Endpoint:
    """A replica: one bundle, one lane of computation."""

    def __init__(self, arguments: Arguments, clock: Clock) -> None:
        self._arguments, self._clock, self._open = arguments, clock, contextlib.ExitStack()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The app, once in each replica's own process."""
        self._open.enter_context(logs.to_stderr(self._arguments.lines))
        watchers = self._open.enter_context(Watching(trace=self._arguments.trace).spans())
        return replica(self._arguments, self._clock, watchers)


def replica(arguments: Arguments, clock: Clock, watchers: Sequence[Watcher] = ()) -> FastAPI:
    """What answers in this process; errors as of `Site.app`."""
    app = arguments.site().app(clock=clock, watchers=watchers)
    if arguments.keys is None:
        app.user_middleware.append(Middleware(Nearby))  # innermost: what it refuses is counted, and told as usual
    export(app.state.telemetry.registry, arguments.metrics.every)
    return app


def build(arguments: Arguments) -> Application:
    """The application; all its replicas have one clock.

    Raises:
        UsageError: a Ray that asks for no token, or keys that cannot be read.
        StoreError: the state cannot be read.
    """
    check_token(os.environ.get("RAY_AUTH_MODE", ""))
    site = arguments.site()
    site.ring()  # what is wrong with keys is told before a replica starts
    # replicas on other machines count from the same instant, as far as the machines agree on the time
    clock = site.clock(arguments.clock, ticks=time.time_ns)
    bound: Application = Endpoint.bind(arguments, clock)  # type: ignore[attr-defined]  # the decorator's
    return bound


def check_token(mode: str) -> None:
    """Refuse a Ray whose ports execute what anybody sends them; `mode` is its RAY_AUTH_MODE.

    Raises:
        UsageError: it is not `token`.
    """
    if mode.lower() != "token":
        raise UsageError(
            f"Expected a Ray that asks for a token, got RAY_AUTH_MODE={mode!r}; make a token by `ray get-auth-token "
            "--generate`, and start Ray with RAY_AUTH_MODE=token."
        )
