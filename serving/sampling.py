"""A few of the requests for a list, looked at once more beside the answers: drift, and what the index misses."""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.ranking.observation import observe, recall
from recsys.schema import Instant
from serving.drift import Drift
from serving.lane import one_thread
from serving.schemas import RecommendRequest
from serving.service import Service

WAITING = 10
"""Requests that may wait to be looked at; further ones are let go."""

_LOG = logging.getLogger(__name__)


class Sampler:
    """One thread that looks, and what it has found so far."""

    def __init__(
        self, per_minute: float, *, found_recall: Callable[[float], None], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is looked at yet.

        Args:
            per_minute: how many requests are looked at, at most; 0 looks at none. Each costs what its answer did: one
                in a hundred would be felt in the slowest hundredth of the answers.
            found_recall: told of each search what share in [0, 1] of the exactly nearest it found.
            ticks: seconds since any fixed instant.
        """
        self._pause = 60 / per_minute if per_minute else math.inf
        self._found_recall, self._ticks = found_recall, ticks
        self._due = ticks() if per_minute else math.inf
        self._room = threading.BoundedSemaphore(WAITING)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="samples", initializer=one_thread)
        self._drift: tuple[str, Drift] | None = None

    def offer(self, service: Service, query: RecommendRequest) -> None:
        """Look at a request for a list later, if it is time for one; what a filter leaves is no sign of drift."""
        now = self._ticks()
        if now < self._due or query.filters is not None or not self._room.acquire(blocking=False):
            return
        self._due = now + self._pause
        self._thread.submit(self._look, service, query)

    def drift_of(self, digest: str) -> Drift | None:
        """What is known of the drift from this bundle's reference; None where nothing is."""
        return self._drift[1] if self._drift and self._drift[0] == digest else None

    def close(self) -> None:
        """Return when what waits has been looked at."""
        self._thread.shutdown()

    def _look(self, service: Service, query: RecommendRequest) -> None:
        try:
            asked = service.asked(query)
            histories, as_of = asked.histories, asked.as_of
            self._count(service.bundle, histories, as_of, query.exclude_seen)
            snapshot = service.bundle.recommender.snapshot
            found = recall(snapshot, histories, as_of=as_of, exclude_seen=query.exclude_seen)
            if found is not None:
                self._found_recall(found)
        except Exception:
            _LOG.exception("A sampled request could not be looked at")
        finally:
            self._room.release()

    def _count(self, bundle: Bundle, histories: Histories, as_of: Instant, exclude_seen: bool | None) -> None:
        recommender = bundle.recommender
        if bundle.reference is None or recommender.ranker is None:
            return
        seen = observe(recommender.snapshot, recommender.ranker, histories, as_of=as_of, exclude_seen=exclude_seen)
        if self._drift is None or self._drift[0] != bundle.digest:
            self._drift = bundle.digest, Drift(bundle.reference)
        self._drift[1].add(seen)
