"""Spans of a request, by OpenTelemetry's own exporter into memory; and nothing of it where nobody asked."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from serving.app import create_app
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.tracing import Tracing

ROOT = Path(__file__).parents[2]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STAGES = ["wait", "state", "retrieve", "features", "trees", "rules", "answer"]
RANK = {"user_id": "secret", "item_ids": ["i00001", "hidden"], "request_id": "private"}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def client(bundle_root: Path, tmp_path: Path, exporter: InMemorySpanExporter) -> Iterator[TestClient]:
    tracing = Tracing(exporter)
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), watchers=[tracing.visited])
    app.state.tracing = tracing
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    tracing.close()


def spans(client: TestClient, exporter: InMemorySpanExporter) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The one request's span, and those below it by start."""
    client.app.state.tracing._provider.force_flush()
    every = exporter.get_finished_spans()
    (request,) = (span for span in every if span.kind == SpanKind.SERVER)
    below = [span for span in every if span.parent and span.parent.span_id == request.context.span_id]
    assert len(below) == len(every) - 1
    return request, sorted(below, key=lambda span: (span.start_time or 0, span.end_time or 0))


def test_a_span_of_a_request_and_below_it_its_stages(client: TestClient, exporter: InMemorySpanExporter) -> None:
    got = client.post("/v1/rank", json=RANK, headers={"X-Request-ID": "r-1"}).json()
    request, below = spans(client, exporter)
    assert request.name == "POST /v1/rank"
    assert request.parent is None
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/rank",
        "http.response.status_code": 200,
        "recsys.request": "r-1",
        "recsys.arm": "default",
        "recsys.bundle": got["bundle"][:12],
        "recsys.degraded": (),
    }
    assert request.resource.attributes["service.name"] == "recsys"
    assert [span.name for span in below] == STAGES
    ends = [span.end_time for span in below]
    assert [span.start_time for span in below][1:] == ends[:-1]
    assert request.start_time <= below[0].start_time <= ends[-1] <= request.end_time
    told = " ".join(span.to_json() for span in [request, *below])
    assert not [word for word in ("secret", "hidden", "private", "i00001") if word in told]


def test_the_callers_trace_goes_on(client: TestClient, exporter: InMemorySpanExporter) -> None:
    client.get("/v1/users/nobody", headers={"traceparent": PARENT})
    request, _ = spans(client, exporter)
    assert request.parent is not None
    assert f"{request.context.trace_id:032x}-{request.parent.span_id:016x}" == PARENT[3:52]
    assert request.name == "GET /v1/users/{user_id}"
    assert request.status.status_code == StatusCode.UNSET


def test_a_trace_that_the_caller_does_not_record_is_not_recorded(
    client: TestClient, exporter: InMemorySpanExporter
) -> None:
    client.get("/v1/bundle", headers={"traceparent": PARENT[:-1] + "0"})
    client.app.state.tracing._provider.force_flush()
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("odd", ["", "nonsense", "00-0-0-01", "ü", "x" * 5000])
def test_a_parent_that_is_none_starts_a_trace(client: TestClient, exporter: InMemorySpanExporter, odd: str) -> None:
    assert client.get("/v1/bundle", headers=[(b"traceparent", odd.encode())]).status_code == 200
    request, _ = spans(client, exporter)
    assert request.parent is None


def test_what_breaks_is_an_error(
    client: TestClient, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "rank", lambda *_: 1 / 0)
    client.post("/v1/rank", json=RANK)
    request, _ = spans(client, exporter)
    assert request.status.status_code == StatusCode.ERROR


class Collector(HTTPServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.server.got.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Answer)
        self.got: list[tuple[str, bytes]] = []


def test_spans_reach_a_collector() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        tracing = Tracing.to(f"http://127.0.0.1:{collector.server_port}/")
        assert isinstance(tracing._provider, TracerProvider)
        tracing._tracer.start_span("one").end()
        tracing.close()
        collector.shutdown()
    ((path, body),) = collector.got
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["one"]


def printed(code: str, bundle_root: Path, tmp_path: Path, **environment: str) -> str:
    """What a fresh process prints that has made an app."""
    start = f"""
import sys
from pathlib import Path
from serving.app import create_app
from serving.sqlite import SqliteStore
import serving.run
app = create_app(Path({str(bundle_root)!r}), store=SqliteStore(Path({str(tmp_path / "state")!r})))
"""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", start + code],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_nobody_who_did_not_ask_loads_it(bundle_root: Path, tmp_path: Path) -> None:
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "serving.tracing")
    code = f"print([name for name in sys.modules if name.startswith({heavy!r})])"
    assert printed(code, bundle_root, tmp_path) == "[]"


def test_the_frameworks_own_spans_which_tell_whole_paths_are_off(bundle_root: Path, tmp_path: Path) -> None:
    code = """
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
with TestClient(app) as client:
    client.get("/v1/users/secret")
provider.get_tracer("somebody").start_span("theirs").end()
print([span.name for span in exporter.get_finished_spans()])
"""
    assert printed(code, bundle_root, tmp_path, FASTAPI_OTEL_AUTO_CONFIGURE="true") == "['theirs']"
