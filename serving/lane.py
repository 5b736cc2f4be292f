"""One thread that works, and the loop that waits for it."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

R = TypeVar("R")

_HAND_OVER_SECONDS = 0.02
"""What is found waits no longer for the loop than this before the next work begins; the loop may be gone."""


class Lane:
    """One thread, first come, first served.

    A request is a few milliseconds of CPU: two at once would only slow each other down, and the event loop stays free
    to tell health, and to turn requests away. A work begins when the loop has what the one before it found: a thread
    that goes on at once keeps core and interpreter lock, and what is ready would wait for a slice of what comes next.
    """

    def __init__(self, name: str, *, initializer: Callable[[], None] | None = None) -> None:
        """`initializer` is called once, in the thread."""
        self.inside = 0
        """Works that have not ended; one of them is under way."""
        self._last = threading.Event()
        self._last.set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name, initializer=initializer)

    async def run(self, work: Callable[[float], R], *, seconds: float) -> R:
        """What `work` returns, given the seconds that are left of `seconds` when its turn comes; 0 or less if none."""
        end = time.monotonic() + seconds
        handed_over = threading.Event()

        def turn() -> R:
            self._last.wait(_HAND_OVER_SECONDS)
            self._last = handed_over
            return work(end - time.monotonic())

        self.inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, turn)
        finally:
            self.inside -= 1
            handed_over.set()

    def close(self) -> None:
        """Return when what has begun has ended."""
        self._thread.shutdown()


def one_thread() -> None:
    """Let BLAS and OpenMP of the calling thread use one: in calls this small, a second costs more than it saves."""
    threadpool_limits(1)
