"""Requests as OpenTelemetry spans, made when they have ended; loaded only where somebody asks for them."""

import os
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from serving.visit import Visit

_PATH = "/v1/traces"


class Tracing:
    """Spans to one exporter: one of a request, below it one for waiting and one for each stage of its answer."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Batches go out in a thread of their own; what it cannot keep up with is dropped."""
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "recsys"}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("serving")
        self._parents = TraceContextTextMapPropagator()

    @classmethod
    def to(cls, collector: str | None) -> "Tracing":
        """To a collector that speaks OTLP over HTTP, http://host:4318; None takes what the environment names."""
        return cls(OTLPSpanExporter(None if collector is None else collector.rstrip("/") + _PATH, timeout=2))

    def visited(self, visit: Visit) -> None:
        """A `watch.Watcher`: the spans of a request; a child of the caller's, where the caller says which."""
        shift = visit.began_at - visit.began
        span = self._tracer.start_span(
            f"{visit.method} {visit.route}".rstrip(),
            context=self._parents.extract({"traceparent": visit.parent}),
            kind=SpanKind.SERVER,
            attributes=_attributes(visit),
            start_time=visit.began_at,
        )
        if visit.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        inside = set_span_in_context(span)
        waited = [("wait", visit.queued, visit.started)] if visit.started else []
        for stage, start, end in (*waited, *visit.stages):
            self._tracer.start_span(stage, context=inside, start_time=start + shift).end(end + shift)
        span.end(visit.ended + shift)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def _attributes(visit: Visit) -> dict[str, str | int | Sequence[str]]:
    attributes: dict[str, str | int | Sequence[str]] = {
        "http.request.method": visit.method,
        "http.response.status_code": visit.status,
        "recsys.request": visit.request_id,
    }
    if visit.route:
        attributes["http.route"] = visit.route
    if visit.answer is not None:
        told = visit.answer
        attributes |= {"recsys.arm": told.arm, "recsys.bundle": told.bundle[:12], "recsys.degraded": told.degraded}
    return attributes
