"""Operational logs: one line an event on stderr, as text or JSON; no names of users or items, nothing that was sent."""

import contextlib
import logging
import os
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any, Literal

import orjson

from serving.problems import printable
from serving.visit import Visit

Form = Literal["text", "json"]

WAITING = 10_000
"""Lines that wait for a slow reader of stderr; further ones are dropped and counted."""

_TOGETHER_SECONDS = 0.05
"""Lines of so long are written at once: whoever answers is not woken for each."""

_END_SECONDS = 1.0
_STDERR = 2
_FIELDS = "fields"
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
_LOG = logging.getLogger(__name__)


def visited(visit: Visit) -> None:
    """A `watch.Watcher`: a line about a request; about those of probes only where somebody listens to DEBUG."""
    level = logging.ERROR if visit.status >= 500 else logging.DEBUG if visit.route in _QUIET else logging.INFO
    if not _LOG.isEnabledFor(level):
        return
    answer = visit.answer
    fields: dict[str, object] = {
        "request": visit.request_id,
        "method": visit.method,
        "route": visit.route or None,
        "status": visit.status,
        "ms": round(visit.seconds * 1000, 3),
    }
    if answer is not None:
        fields |= {"arm": answer.arm, "bundle": answer.bundle[:12], "degraded": answer.degraded}
    _LOG.log(level, "request", extra={_FIELDS: fields})


@contextlib.contextmanager
def to_stderr(form: Form) -> Iterator[None]:
    """Let the service's and uvicorn's lines go to stderr, and no others below a warning, until the block ends."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("serving", "recsys", "uvicorn")]
    lines = Lines(line_of_json if form == "json" else line_of_text)
    before = [(logger, logger.level) for logger in ours]
    root.addHandler(lines)
    for logger in ours:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(lines)
        for logger, level in before:
            logger.setLevel(level)
        lines.close()


class Lines(logging.Handler):
    """Writes in a thread of its own, so that a reader who is slow, or has stopped, stops no answer."""

    def __init__(self, line_of: Callable[[logging.LogRecord], bytes], *, to: int = _STDERR) -> None:
        """Start; `to` is a file descriptor."""
        super().__init__()
        self._line_of, self._to = line_of, to
        self._waiting: SimpleQueue[logging.LogRecord] = SimpleQueue()
        self._dropped, self._ended = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line, or drop it."""
        if self._waiting.qsize() < WAITING:
            self._waiting.put(record)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, but wait for the reader a second only."""
        self._ended.set()
        self._thread.join(_END_SECONDS)
        super().close()

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_TOGETHER_SECONDS)
            self._write(b"".join(self._lines()))

    def _lines(self) -> Iterator[bytes]:
        with contextlib.suppress(Empty):
            while True:
                yield self._line(self._waiting.get_nowait())
        dropped, self._dropped = self._dropped, 0
        if dropped:
            text = f"{dropped} lines were dropped: whoever reads stderr is too slow"
            yield self._line_of(_LOG.makeRecord(_LOG.name, logging.WARNING, "", 0, text, (), None))

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            return self._line_of(record)
        except Exception as error:  # a caller's mistake, such as too few arguments: no reason to fall silent for good
            at = f"{record.pathname}:{record.lineno}: a line that cannot be written ({type(error).__name__})"
            return self._line_of(_LOG.makeRecord(_LOG.name, logging.ERROR, "", 0, at, (), None))

    def _write(self, text: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more
            while text:
                text = text[os.write(self._to, text) :]


def line_of_json(record: logging.LogRecord) -> bytes:
    """An object with time, level, logger, message, the fields of a request, and where an error came from."""
    body = {
        "time": _time(record),
        "level": record.levelname,
        "logger": record.name,
        "message": printable(record.getMessage()),
        **_fields(record),
    }
    return orjson.dumps(body, default=str, option=orjson.OPT_APPEND_NEWLINE)


def line_of_text(record: logging.LogRecord) -> bytes:
    """The same for people."""
    told = " ".join(f"{name}={value}" for name, value in _fields(record).items())
    parts = [_time(record), record.levelname, record.name, record.getMessage(), told]
    return (printable(" ".join(part for part in parts if part)).replace("\n", " ") + "\n").encode()


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, _FIELDS, {})
    error = record.exc_info
    return fields if not error or error[1] is None else {**fields, **_error(error[1])}


def _error(error: BaseException) -> dict[str, object]:
    """Which kind, and where, innermost last; its message may quote what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return {"error": type(error).__name__, "at": [f"{frame.filename}:{frame.lineno}" for frame in frames]}
