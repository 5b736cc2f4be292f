"""What time it is for an answer: the wall's, or the log's own, so that recency is true on an old log."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from recsys.schema import Instant

Clock: TypeAlias = Callable[[Instant], Instant]
"""From the end of the bundle's log to the `as_of` of an answer given now, both µs since the epoch; never before the
end, because the bundle's state already knows everything up to there."""


def wall(end: Instant) -> Instant:
    """The time of day, or the end of the log where that lies in this machine's future.

    >>> wall(2**60) == 2**60
    True
    """
    return max(time.time_ns() // 1000, end)


def log(latest: Instant | None = None, *, ticks: Callable[[], int] = time.monotonic_ns) -> Clock:
    """A clock that stands at the end of the log when it is made, and runs on from there.

    A copy in another process of this machine, sent there by pickle, tells the same time.

    Args:
        latest: when the last event since happened: it goes on after that.
        ticks: nanoseconds since any fixed instant.

    >>> now = iter([0, 7_000, 0, 7_000])
    >>> log(ticks=lambda: next(now))(100), log(200, ticks=lambda: next(now))(100)
    (107, 208)
    """
    return partial(_running, started=ticks(), least=0 if latest is None else latest + 1, ticks=ticks)


def _running(end: Instant, *, started: int, least: Instant, ticks: Callable[[], int]) -> Instant:
    return max(end, least) + (ticks() - started) // 1000
