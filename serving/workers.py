"""Several processes that do the same work, each started again if it ends before it was told to."""

import gc
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TypeAlias

from recsys.errors import RecsysError

Work: TypeAlias = Callable[[Callable[[], None]], None]
"""Given what it is to call once it is ready; returns on SIGTERM. Can be pickled."""

PATIENCE = 15.0
"""Seconds from SIGTERM until a process that has not ended is killed."""

_LONGEST_PAUSE = 30.0
_LOG = logging.getLogger("uvicorn.error")


@dataclass(slots=True, kw_only=True)
class _Place:
    """Where one process works, or is about to.

    Attributes:
        number: from 1.
        process: None while nobody works there.
        news: what the process tells: that it is ready, or why it cannot be.
        failures: how often in a row one ended before it was ready.
        due: when the next one starts, on the monotonic clock.
    """

    number: int
    process: BaseProcess | None = None
    news: Connection | None = None
    failures: int = 0
    due: float = 0.0


class Workers:
    """Processes forked from one that has imported `serving.app` and done nothing else: they share its pages."""

    def __init__(self, n: int, work: Work) -> None:
        """Prepare; nothing starts yet."""
        self._work, self._places = work, [_Place(number=i) for i in range(1, n + 1)]
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["serving.app"])
        self._served = False

    def run(self, ready: Callable[[], None]) -> None:
        """Work until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt); the main thread only.

        Args:
            ready: called when the first process is.

        Raises:
            RecsysError: why the first could not begin; later ones are tried again after a pause.
        """
        with _signals() as bell:
            try:
                while not bell.poll():
                    self._start_due()
                    wait([bell, *self._heard()], timeout=self._pause())
                    self._look(ready)
                told = bell.recv()
            finally:
                self._stop()
        if told == signal.SIGINT:
            raise KeyboardInterrupt

    def _start_due(self) -> None:
        for place in self._places:
            if place.process is None and place.due <= time.monotonic():
                place.news, telling = self._context.Pipe(duplex=False)
                place.process = self._context.Process(
                    target=_obey, args=(self._work, telling), name=f"worker-{place.number}", daemon=True
                )
                place.process.start()
                telling.close()
                _LOG.info("Worker %d is process %d.", place.number, place.process.pid)

    def _heard(self) -> list[Connection | int]:
        """What a change shows on."""
        sentinels = [place.process.sentinel for place in self._places if place.process is not None]
        return [*sentinels, *(place.news for place in self._places if place.news is not None)]

    def _pause(self) -> float | None:
        """Seconds until the next start; None if none is planned."""
        dues = [place.due for place in self._places if place.process is None]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _look(self, ready: Callable[[], None]) -> None:
        for place in self._places:
            if place.news is not None and place.news.poll():
                self._listen(place, place.news, ready)
            if place.process is not None and not place.process.is_alive():
                self._replace(place, place.process)

    def _listen(self, place: _Place, news: Connection, ready: Callable[[], None]) -> None:
        try:
            error = news.recv()
        except EOFError:  # it ended without a word
            error = None
        else:
            if error is None:
                if not self._served:
                    ready()
                place.failures, self._served = 0, True
            elif not self._served:
                raise error
            else:
                _LOG.error("Worker %d cannot begin: %s", place.number, error)
        news.close()
        place.news = None

    def _replace(self, place: _Place, ended: BaseProcess) -> None:
        """Plan another one: at once if this one had worked, else later each time."""
        ended.join()
        if not place.failures:
            _LOG.warning("Worker %d ended (exit code %s); another starts.", place.number, ended.exitcode)
        place.due = time.monotonic() + (min(_LONGEST_PAUSE, 2.0 ** (place.failures - 1)) if place.failures else 0)
        place.failures += 1  # until the next one says that it is ready
        place.process = None

    def _stop(self) -> None:
        """Return when all have ended: those that do not within `PATIENCE` are killed."""
        processes = [place.process for place in self._places if place.process is not None]
        for process in processes:
            process.terminate()
        until = time.monotonic() + PATIENCE
        for process in processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


@contextmanager
def _signals() -> Iterator[Connection]:
    """Gets the number of each SIGTERM and SIGINT, as a message that can be waited for."""
    bell, ring = multiprocessing.Pipe(duplex=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda told, _frame: ring.send(told))
    try:
        yield bell
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        bell.close()
        ring.close()


def _obey(work: Work, telling: Connection) -> None:
    """The process. SIGTERM ends it, and so does the end of the one that started it, whose business SIGINT is."""
    gc.freeze()  # looking for garbage among what was imported would write to pages that are shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    try:
        work(lambda: telling.send(None))
    except RecsysError as error:
        telling.send(error)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
