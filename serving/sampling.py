"""A few of the requests for a list, looked at once more beside the answers: drift, and what the index misses."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from recsys.ranking.observation import observe, recall
from serving.drift import Drift
from serving.schemas import RecommendRequest
from serving.service import Service
from serving.switch import one_thread

WAITING = 10
"""Requests that may wait to be looked at; further ones are let go."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Of the requests for a list without filters: what a filter leaves is no sign of drift.

    Attributes:
        drift: whose features and scores are counted; each costs about as much as its answer did.
        recall: whose nearest items are compared with an exact search.
    """

    drift: float = 0.01
    recall: float = 0.001


DEFAULT = Shares()


class Sampler:
    """One thread that looks, and what it has found so far."""

    def __init__(self, shares: Shares, *, found_recall: Callable[[float], None]) -> None:
        """Nothing is looked at yet; `found_recall` is told each recall in [0, 1]."""
        self._shares, self._found_recall = shares, found_recall
        self._dice = random.Random()  # noqa: S311
        self._room = threading.BoundedSemaphore(WAITING)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="samples", initializer=one_thread)
        self._drift: tuple[str, Drift] | None = None

    def offer(self, service: Service, query: RecommendRequest) -> None:
        """Perhaps look at a request later; returns at once."""
        drift, recall = self._dice.random() < self._shares.drift, self._dice.random() < self._shares.recall
        if not (drift or recall) or query.filters is not None or not self._room.acquire(blocking=False):
            return
        looks = [look for wanted, look in ((drift, self._look), (recall, self._search)) if wanted]
        self._thread.submit(self._done, looks, service, query)

    def drift_of(self, digest: str) -> Drift | None:
        """What is known of the drift from this bundle's reference; None where nothing is."""
        return self._drift[1] if self._drift and self._drift[0] == digest else None

    def close(self) -> None:
        """Return when what waits has been looked at."""
        self._thread.shutdown()

    def _done(
        self, looks: Sequence[Callable[[Service, RecommendRequest], None]], service: Service, query: RecommendRequest
    ) -> None:
        try:
            for look in looks:
                look(service, query)
        except Exception:
            _LOG.exception("A sampled request could not be looked at")
        finally:
            self._room.release()

    def _look(self, service: Service, query: RecommendRequest) -> None:
        bundle = service.bundle
        recommender, reference = bundle.recommender, bundle.reference
        if reference is None or recommender.ranker is None:
            return
        histories, as_of = service.asked(query)
        seen = observe(
            recommender.snapshot, recommender.ranker, histories, as_of=as_of, exclude_seen=query.exclude_seen
        )
        if self._drift is None or self._drift[0] != bundle.digest:
            self._drift = bundle.digest, Drift(reference)
        self._drift[1].add(seen)

    def _search(self, service: Service, query: RecommendRequest) -> None:
        histories, as_of = service.asked(query)
        found = recall(service.bundle.recommender.snapshot, histories, as_of=as_of, exclude_seen=query.exclude_seen)
        if found is not None:
            self._found_recall(found)
