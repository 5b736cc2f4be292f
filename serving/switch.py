"""The bundle in use, and how another takes its place between two requests."""

import ctypes
import gc
import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from recsys.artifacts import point_to
from recsys.bundle import CURRENT
from recsys.errors import ArtifactError, RecsysError
from recsys.schema import unheard
from serving.breaker import Breaker
from serving.clock import Clock
from serving.counting import counted
from serving.failures import places
from serving.journal import Journal
from serving.schemas import BundleInfo, RankRequest, RecommendRequest
from serving.service import Service
from serving.stock import stocked
from serving.store import Store, StoreError

REMEMBERED = 20
"""Requests that a new bundle answers before anybody waits for it."""

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[0-9a-f]{64}")


class UnknownBundleError(RecsysError):
    """A name that no bundle has."""


class BusyError(RecsysError):
    """Another swap is under way."""


class Switch:
    """One service in use; whoever has begun to answer with it ends with it."""

    def __init__(
        self,
        root: Path,
        *,
        store: Store,
        breaker: Breaker,
        clock: Clock,
        journal: Journal | None = None,
        told: Callable[[str], None] = unheard,
    ) -> None:
        """Load what root/current points to, and answer once.

        Args:
            root: the folder of bundles.
            store: what users did since, and the swaps of all who share it.
            breaker: reads users from it.
            clock: gives the instant an answer is true for.
            journal: the policy log, if there is one.
            told: learns of each later swap: "ok", or "failed".

        Raises:
            ArtifactError: no bundle, or one that is not whole.
            StoreError: the state cannot be read.
        """
        self._root, self._store, self._told = root, store, told
        self._open = partial(Service.open, store=store, breaker=breaker, clock=clock, journal=journal)
        self._recent: deque[RecommendRequest | RankRequest] = deque(maxlen=REMEMBERED)
        self._one_at_a_time = threading.Lock()
        # loads and warms up beside the answers; OpenMP keeps the number of threads by calling thread
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="bundles", initializer=one_thread)
        # all that replaces the service, one after the other
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="items", initializer=one_thread)
        self._waiting: deque[tuple[dict[str, str | None], Future[None]]] = deque()
        self._seen = store.swaps(after=0)[-1:]
        self.service = self._loader.submit(self._loaded, root / CURRENT).result()

    def remember(self, request: RecommendRequest | RankRequest) -> None:
        """A request that a new bundle can be tried on."""
        self._recent.append(request)

    def to(self, name: str) -> BundleInfo:
        """Serve another bundle, here and wherever this state is shared; on any error nothing has changed.

        Args:
            name: a digest, or CURRENT for what root/current points to by now.

        Raises:
            UnknownBundleError: no such bundle.
            BusyError: another swap is under way.
            ArtifactError: it is not whole, cannot answer, or root/current cannot be moved.
            StoreError: the others cannot be told.
        """
        directory = self._directory(name)
        if not self._one_at_a_time.acquire(blocking=False):
            raise BusyError("Another bundle is being loaded right now; try again when it is done.")
        try:
            fresh = self._loader.submit(self._loaded, directory).result()
            link = self._root / CURRENT
            before = link.resolve() if link.exists() else None
            point_to(link, directory)
            try:
                self._store.announce(fresh.bundle.digest)
            except StoreError:
                if before is not None:
                    point_to(link, before)
                raise
            self._exchange(fresh)
        except RecsysError:
            self._told("failed")
            raise
        finally:
            self._one_at_a_time.release()
        return self.service.info()

    def change(self, items: dict[str, str | None]) -> None:
        """Change items: kept, and known to all answers of this process, before this returns; elsewhere soon.

        Args:
            items: item_id → its columns as JSON; None where it is taken away.

        Raises:
            StoreError: the state cannot be written; nothing has changed.
        """
        done: Future[None] = Future()
        self._waiting.append((items, done))
        self._clerk.submit(self._change)  # what comes while it waits is done with it
        done.result()

    def _change(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not waiting:
            return
        try:
            self._store.change_items({item_id: columns for items, _ in waiting for item_id, columns in items.items()})
            self._restock()
        except BaseException as error:
            for _, done in waiting:
                done.set_exception(error)
        else:
            for _, done in waiting:
                done.set_result(None)

    def restock(self) -> None:
        """Take over the changes of items that other processes made."""
        try:
            self._clerk.submit(self._restock).result()
        except StoreError as error:
            _LOG.warning("Cannot learn of changed items: %s", error)

    def count(self) -> None:
        """Let the items' counters know what was posted since."""
        try:
            self._clerk.submit(self._count).result()
        except StoreError as error:
            _LOG.warning("Cannot count what was posted: %s", error)

    def _count(self) -> None:
        self.service = counted(self.service)

    def _restock(self) -> None:
        self.service = self._stocked(self.service)

    def _stocked(self, service: Service) -> Service:
        return stocked(service, self._store.item_changes(after=service.stock))

    def follow(self) -> None:
        """Take part in a swap that another process has made; one that fails is told in the log, and changes nothing."""
        try:
            news = self._store.swaps(after=self._seen[-1].number if self._seen else 0)
        except StoreError as error:
            _LOG.warning("Cannot learn of other bundles: %s", error)
            return
        if news and news[-1].digest != self.service.bundle.digest:
            if not self._one_at_a_time.acquire(blocking=False):
                return  # it may be the swap that is under way here
            try:
                self._exchange(self._loader.submit(self._loaded, self._directory(news[-1].digest)).result())
            except RecsysError as error:
                self._told("failed")
                _LOG.error("Cannot follow to bundle %s…: %s", news[-1].digest[:12], error)
            finally:
                self._one_at_a_time.release()
        self._seen = news[-1:] or self._seen

    def close(self) -> None:
        """Load and change no more."""
        self._loader.shutdown()
        self._clerk.shutdown()

    def _directory(self, name: str) -> Path:
        directory = (self._root / CURRENT).resolve() if name == CURRENT else self._root / name
        inside = directory.parent == self._root.resolve() if name == CURRENT else bool(_NAME.fullmatch(name))
        if not (inside and directory.is_dir()):
            raise UnknownBundleError(f"No bundle is named {name[:80]!r}; expected {CURRENT!r} or the digest of one.")
        return directory

    def _loaded(self, directory: Path) -> Service:
        service = self._stocked(self._open(directory))
        try:
            return service.warm_up(tuple(self._recent))
        except Exception as error:
            digest, kind = service.bundle.digest, type(error).__name__
            # the message may hold what a user has sent: it was tried on their requests
            _LOG.error("Bundle %s… cannot answer: %s", digest[:12], places(error))
            raise ArtifactError(f"Bundle {digest[:12]}… cannot answer ({kind}); release it again.") from error

    def _exchange(self, fresh: Service) -> None:
        _LOG.info("Bundle %s… takes the place of %s…", fresh.bundle.digest[:12], self.service.bundle.digest[:12])
        self._clerk.submit(self._take, fresh).result()
        self._told("ok")
        gc.collect()
        _trim()

    def _take(self, fresh: Service) -> None:
        self.service = self._stocked(fresh)  # with what has changed since it was loaded


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


def one_thread() -> None:
    """Let BLAS and OpenMP of the calling thread use one: in calls this small, a second costs more than it saves."""
    threadpool_limits(1)


def _trim() -> None:
    """Give the pages of what is gone back to the system, where the C library knows how."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
