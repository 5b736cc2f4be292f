"""All that replaces what answers, one after the other: items, counters, bundles, experiments."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from serving.counting import counted
from serving.experiments import Experiment
from serving.lane import one_thread
from serving.lineup import Lineup
from serving.service import Service
from serving.stock import restocked
from serving.store import Store, StoreError

_LOG = logging.getLogger(__name__)


class Clerk:
    """One thread that changes the lineup; whoever has begun to answer with the one before ends with it."""

    def __init__(self, main: Service, *, store: Store) -> None:
        """Begin with one bundle; `store` tells what else has changed."""
        self.lineup = Lineup(main=main)
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="items", initializer=one_thread)
        self._waiting: deque[tuple[dict[str, str | None], Future[None]]] = deque()

    def change(self, items: dict[str, str | None]) -> None:
        """Change items: kept, and known to all answers of this process, before this returns; elsewhere soon.

        Args:
            items: item_id → its columns as JSON; None where it is taken away.

        Raises:
            StoreError: the state cannot be written; nothing has changed.
        """
        done: Future[None] = Future()
        self._waiting.append((items, done))
        self._thread.submit(self._change)  # what comes while it waits is done with it
        done.result()

    def _change(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not waiting:
            return
        try:
            self._store.change_items({item_id: columns for items, _ in waiting for item_id, columns in items.items()})
            self._become(lambda lineup: lineup.mapped(restocked))
        except BaseException as error:
            for _, done in waiting:
                done.set_exception(error)
        else:
            for _, done in waiting:
                done.set_result(None)

    def restock(self) -> None:
        """Take over the changes of items that other processes made."""
        try:
            self._ask(lambda lineup: lineup.mapped(restocked))
        except StoreError as error:
            _LOG.warning("Cannot learn of changed items: %s", error)

    def count(self) -> None:
        """Let the items' counters know what was posted since."""
        try:
            self._ask(lambda lineup: lineup.mapped(counted))
        except StoreError as error:
            _LOG.warning("Cannot count what was posted: %s", error)

    def take(self, fresh: Service) -> None:
        """Let another bundle answer from the next request on, with what has changed since it was loaded.

        Raises:
            StoreError: the state cannot be read.
        """
        self._ask(lambda lineup: lineup.led_by(restocked(fresh)))

    def run(self, experiment: Experiment | None, services: Mapping[str, Service], *, number: int) -> None:
        """Let an experiment decide from the next request on, or none.

        Args:
            experiment: as for `Lineup.running`.
            services: likewise.
            number: of the store's `Running`; where another has begun or ended since, nothing is changed.

        Raises:
            StoreError: the state cannot be read.
        """

        def change(lineup: Lineup) -> Lineup:
            if self._store.running().number != number:
                return lineup
            return lineup.running(experiment, {name: restocked(one) for name, one in services.items()})

        self._ask(change)

    def close(self) -> None:
        """Return when what has begun has ended."""
        self._thread.shutdown()

    def _ask(self, change: Callable[[Lineup], Lineup]) -> None:
        self._thread.submit(self._become, change).result()

    def _become(self, change: Callable[[Lineup], Lineup]) -> None:
        self.lineup = change(self.lineup)
