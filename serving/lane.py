"""One thread that works, and the loop that waits for it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

R = TypeVar("R")


class Lane:
    """One thread, first come, first served.

    A request is a few milliseconds of CPU: two at once would only slow each other down, and the event loop stays free
    to tell health, and to turn requests away.
    """

    def __init__(self, name: str, *, initializer: Callable[[], None] | None = None) -> None:
        """`initializer` is called once, in the thread."""
        self.inside = 0
        """Works that have not ended; one of them is under way."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name, initializer=initializer)

    async def run(self, work: Callable[[float], R], *, seconds: float) -> R:
        """What `work` returns, given the seconds that are left of `seconds` when its turn comes; 0 or less if none."""
        end = time.monotonic() + seconds
        self.inside += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, lambda: work(end - time.monotonic()))
        finally:
            self.inside -= 1

    def close(self) -> None:
        """Return when what has begun has ended."""
        self._thread.shutdown()


def one_thread() -> None:
    """Let BLAS and OpenMP of the calling thread use one: in calls this small, a second costs more than it saves."""
    threadpool_limits(1)
