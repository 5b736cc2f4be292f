"""The same app as a Ray Serve application, for several machines: replicas behind Ray's proxy. The only file with Ray.

`serve run serving/ray_serve.yaml`; the settings of the cluster are in that file.
"""

import os
import time
from pathlib import Path
from typing import Literal

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application

from serving.app import create_app
from serving.clock import Clock, log, wall
from serving.run import opened


class Arguments(BaseModel):
    """What a replica is made from; `args` in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundles: Path = Field(description="The folder with `current` in it, the same on all machines.")
    state: str = Field(
        description="redis://host:port/0 for several machines; a file of this machine where all replicas are on it."
    )
    clock: Literal["wall", "log"] = "wall"


@serve.deployment
@serve.ingress()
class Endpoint:
    """A replica: one bundle, one lane of computation."""

    def __init__(self, arguments: Arguments, clock: Clock) -> None:
        self._arguments, self._clock = arguments, clock

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The app, once in each replica's own process."""
        arguments = self._arguments
        return create_app(arguments.bundles, store=opened(arguments.state, arguments.bundles), clock=self._clock)


def build(arguments: Arguments) -> Application:
    """The application; all its replicas have one clock.

    Raises:
        StoreError: the state cannot be read.
    """
    clock: Clock = wall
    if arguments.clock == "log":
        store = opened(arguments.state, arguments.bundles)
        # replicas on other machines count from the same instant, as far as the machines agree on the time
        clock = log(store.latest(), ticks=time.time_ns)
        store.close()
    bound: Application = Endpoint.bind(arguments, clock)  # type: ignore[attr-defined]  # the decorator's
    return bound
