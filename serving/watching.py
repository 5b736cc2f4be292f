"""How a served process is watched: its logs and its spans."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recsys.errors import UsageError
from serving.logs import Form
from serving.watch import Watcher

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable by which OpenTelemetry names a collector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What the operator asks for.

    Attributes:
        log: form of the lines on stderr.
        trace: where spans go, http://host:4318; None goes where `ENDPOINT` says, or makes none.
    """

    log: Form = "text"
    trace: str | None = None

    @contextlib.contextmanager
    def spans(self) -> Iterator[Sequence[Watcher]]:
        """Who is told of requests to make spans of them, until the block ends; nobody where none are asked for.

        Raises:
            UsageError: OpenTelemetry is not installed, or no address of a collector.
        """
        if self.trace is None and not os.environ.get(ENDPOINT):
            yield ()
            return
        if self.trace is not None and not self.trace.startswith(("http://", "https://")):
            raise UsageError(f"Expected the address of a collector such as http://127.0.0.1:4318, got {self.trace!r}.")
        try:
            from serving.tracing import Tracing  # only who wants spans needs the library
        except ImportError as error:
            raise UsageError(f"Spans need {error.name}; install it by pip install '.[otel]'.") from error
        tracing = Tracing.to(self.trace)
        try:
            yield (tracing.visited,)
        finally:
            tracing.close()


WATCHING = Watching()
