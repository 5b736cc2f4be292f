"""A client whose requests leave at times fixed beforehand, whatever the server does.

Latency counts from the intended time, so a server that stands still is charged for all who would have asked meanwhile
(closed loops forget them: coordinated omission). One thread, one epoll, plain sockets: at a hundred microseconds a
request it is never what is measured, and it looks at the clock instead of sleeping when a departure is near.
"""

import contextlib
import re
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

CONNECTIONS = 1000
"""More requests than this are never open at once; others wait, on the clock, for one to end."""

NO_ANSWER, BROKEN = 0, -1
"""In place of a status: still open when we stopped waiting; the connection was closed."""

_HEAD = re.compile(rb"^HTTP/1\.1 (\d{3})[^\r]*\r\n(?:.*\r\n)*?content-length: *(\d+)\r\n", re.IGNORECASE)
_NEAR = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What became of each request, in the order they were to leave.

    Attributes:
        at: float64 (n,), when it was to leave, seconds from the start.
        latency: float64 (n,), seconds from then to the end of the answer; infinite without one.
        status: int (n,), the answer's, NO_ANSWER or BROKEN.
        late: float64 (n,), seconds from when it was to leave until it did.
    """

    at: np.ndarray
    latency: np.ndarray
    status: np.ndarray
    late: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """bool (n,): answered with what was asked for."""
        return self.status == 200

    def quantile(self, q: float) -> float:
        """Milliseconds, of the good ones."""
        return float(np.quantile(self.latency[self.good], q) * 1e3) if self.good.any() else float("nan")

    def part(self, start: float, end: float) -> "Load":
        """Those that were to leave in [start, end)."""
        inside = (self.at >= start) & (self.at < end)
        return Load(
            at=self.at[inside], latency=self.latency[inside], status=self.status[inside], late=self.late[inside]
        )


def poisson(rate: float, n: int, *, seed: int) -> np.ndarray:
    """float64 (n,): the seconds at which n independent visitors come, `rate` of them a second."""
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, n))


def even(rate: float, n: int) -> np.ndarray:
    """float64 (n,): the seconds at which n come one after the other at equal distances, `rate` of them a second."""
    return np.arange(1, n + 1) / rate


def message(path: str, body: bytes | None, *, method: str | None = None) -> bytes:
    """A request as it goes over the wire; one with a body is a POST, any other a GET, where nothing else is said."""
    method = method or ("GET" if body is None else "POST")
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n"
    if body is not None:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


@dataclass(slots=True)
class _Wire:
    """A connection: the request it carries, what is still to be sent, and what has come."""

    socket: socket.socket
    request: int = -1
    unsent: bytes = b""
    come: bytearray = field(default_factory=bytearray)


class Client:
    """Sends to one port of loopback."""

    def __init__(self, port: int) -> None:
        self._port, self._poll = port, select.epoll()
        self._wires: dict[int, _Wire] = {}
        self._idle: list[_Wire] = []

    def load(self, at: np.ndarray, messages: Sequence[bytes], *, patience: float = 5.0) -> Load:
        """Send messages[i % len] at start + at[i], and wait up to `patience` seconds after the last."""
        n = len(at)
        latency, status, late = np.full(n, np.inf), np.full(n, NO_ANSWER), np.full(n, np.inf)
        waiting: deque[int] = deque()
        start, next_one = time.perf_counter() + 0.01, 0
        while next_one < n or self._busy() or waiting:
            now = time.perf_counter() - start
            if now > at[-1] + patience:
                break
            while next_one < n and at[next_one] <= now:
                waiting.append(next_one)
                next_one += 1
            while waiting and (wire := self._free()) is not None:
                request = waiting.popleft()
                late[request] = time.perf_counter() - start - at[request]
                self._send(wire, request, messages[request % len(messages)])
            gap = at[next_one] - now if next_one < n else 0.01
            for wire, answer in self._come(gap - _NEAR if gap > 2 * _NEAR else 0):
                latency[wire] = time.perf_counter() - start - at[wire]
                status[wire] = answer
        self._hang_up()
        return Load(at=at, latency=latency, status=status, late=late)

    def _busy(self) -> bool:
        return len(self._idle) < len(self._wires)

    def _free(self) -> _Wire | None:
        if self._idle:
            return self._idle.pop()
        if len(self._wires) >= CONNECTIONS:
            return None
        link = socket.socket()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.connect_ex(("127.0.0.1", self._port))
        wire = self._wires[link.fileno()] = _Wire(link)
        self._poll.register(link.fileno(), select.EPOLLIN)
        return wire

    def _send(self, wire: _Wire, request: int, text: bytes) -> None:
        wire.request, wire.unsent = request, text
        self._flush(wire)

    def _flush(self, wire: _Wire) -> None:
        # not connected yet, full, or gone: epoll tells which
        with contextlib.suppress(BlockingIOError, ConnectionError):
            wire.unsent = wire.unsent[wire.socket.send(wire.unsent) :]
        more = select.EPOLLOUT if wire.unsent else 0
        self._poll.modify(wire.socket.fileno(), select.EPOLLIN | more)

    def _come(self, seconds: float) -> list[tuple[int, int]]:
        """The requests that ended within so many seconds, each with its status."""
        ended = []
        for number, what in self._poll.poll(seconds):
            wire = self._wires[number]
            if what & select.EPOLLOUT and not what & (select.EPOLLERR | select.EPOLLHUP):
                self._flush(wire)
            if what & ~select.EPOLLOUT and (answer := self._read(wire)) is not None:
                if wire.request >= 0:
                    ended.append((wire.request, answer))
                wire.request = -1
                if answer == BROKEN:
                    self._drop(wire)
                else:
                    self._idle.append(wire)
        return ended

    def _read(self, wire: _Wire) -> int | None:
        """The status, once all of an answer has come; BROKEN if none will."""
        try:
            got = wire.socket.recv(1 << 18)
        except BlockingIOError:
            return None
        except OSError:
            return BROKEN
        if not got:
            return BROKEN
        wire.come += got
        end = wire.come.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = _HEAD.match(bytes(wire.come[: end + 2]))
        if head is None:
            return BROKEN
        if len(wire.come) < end + 4 + int(head[2]):
            return None
        wire.come.clear()
        return int(head[1])

    def _drop(self, wire: _Wire) -> None:
        number = wire.socket.fileno()
        self._poll.unregister(number)
        del self._wires[number]
        if wire in self._idle:
            self._idle.remove(wire)
        wire.socket.close()

    def _hang_up(self) -> None:
        for wire in list(self._wires.values()):
            self._drop(wire)
