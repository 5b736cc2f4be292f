"""A thread that looks again and again."""

import logging
import threading
from collections.abc import Callable

from serving.failures import places

_LOG = logging.getLogger(__name__)


class Follower:
    """A thread that looks for what others have done, until it is told to stop."""

    def __init__(self, work: Callable[[], None], *, every: float) -> None:
        """Start; `work` is called each `every` seconds."""
        self._work, self._every, self._ended = work, every, threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._work()
            except Exception as error:  # the next time it may be well
                _LOG.error("What others have done cannot be followed: %s", places(error))

    def stop(self) -> None:
        """Return when the last call has ended."""
        self._ended.set()
        self._thread.join()
