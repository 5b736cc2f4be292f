"""Which bundle and which experiment are in use, and how another takes its place between two requests."""

import ctypes
import gc
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from recsys.artifacts import point_to
from recsys.bundle import CURRENT
from recsys.errors import ArtifactError, RecsysError
from recsys.schema import unheard
from serving.breaker import Breaker
from serving.clerk import Clerk
from serving.clock import Clock
from serving.experiments import CurrentExperiment, Experiment
from serving.failures import places
from serving.journal import Journal
from serving.lane import one_thread
from serving.lineup import Lineup
from serving.schemas import RankRequest, RecommendRequest
from serving.service import Service
from serving.state_schemas import BundleInfo
from serving.stock import restocked
from serving.store import Store, StoreError, Swap

REMEMBERED = 20
"""Requests that a new bundle answers before anybody waits for it."""

AGAIN_SECONDS = 30.0
"""How long it takes until an experiment whose bundles could not be loaded is tried again."""

_PATIENCE = 0.2
"""Seconds that a swap which is asked for waits for its turn: whoever follows another's looks often, and briefly."""

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[0-9a-f]{64}")


class UnknownBundleError(RecsysError):
    """A name that no bundle has."""


class BusyError(RecsysError):
    """Another bundle is being loaded."""


class Switch:
    """What is in use; whoever has begun to answer with it ends with it."""

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
        """Load what root/current points to, and the experiment that runs, and answer once.

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
        self.root, self._store, self._told = root, store, told
        self._open = partial(Service.open, store=store, breaker=breaker, clock=clock, journal=journal)
        self._recent: deque[RecommendRequest | RankRequest] = deque(maxlen=REMEMBERED)
        self._one_at_a_time = threading.Lock()
        # loads and warms up beside the answers; OpenMP keeps the number of threads by calling thread
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="bundles", initializer=one_thread)
        self._seen = store.swaps(after=0)[-1:]
        self._ran, self._again = 0, 0.0
        self.clerk = Clerk(self._loader.submit(self._loaded, root / CURRENT).result(), store=store)
        self._tell_where_current_is()
        self._follow_experiment()

    @property
    def service(self) -> Service:
        """The bundle in use."""
        return self.clerk.lineup.main

    @property
    def lineup(self) -> Lineup:
        """Who answers whom."""
        return self.clerk.lineup

    def remember(self, request: RecommendRequest | RankRequest) -> None:
        """A request that a new bundle can be tried on."""
        self._recent.append(request)

    def to(self, name: str) -> BundleInfo:
        """Serve another bundle, here and wherever this state is shared; on any error nothing has changed.

        Args:
            name: a digest, or CURRENT for what root/current points to by now.

        Raises:
            UnknownBundleError: no such bundle.
            BusyError: another is being loaded.
            ArtifactError: it is not whole, cannot answer, or root/current cannot be moved.
            StoreError: the others cannot be told.
        """
        directory = self._directory(name)
        with self._alone(patience=_PATIENCE):
            try:
                fresh = self._loader.submit(self._loaded, directory).result()
                link = self.root / CURRENT
                before = link.resolve() if link.exists() else None
                point_to(link, directory)
                try:
                    self._store.announce(fresh.bundle.digest)
                except StoreError:
                    if before is not None:
                        point_to(link, before)
                    raise
                self._exchange(fresh)
                self._pass_over(fresh.bundle.digest)
            except RecsysError:
                self._told("failed")
                raise
        return self.service.info()

    def run(self, experiment: Experiment | None) -> CurrentExperiment:
        """Run an experiment in place of the one that runs, or none, here and wherever this state is shared.

        On any error nothing has changed.

        Raises:
            UnknownBundleError: an arm names a bundle that is not there.
            BusyError: another is being loaded.
            ArtifactError: an arm's bundle is not whole, or cannot answer.
            StoreError: the others cannot be told.
        """
        if experiment is None:  # whatever is being loaded: what is ended must end at once
            self._store.run_experiment(None)
            self.clerk.run(None, {}, number=self._store.running().number)
        else:
            with self._alone(patience=_PATIENCE):
                services = self._arms(experiment)
                self._store.run_experiment(experiment.model_dump_json())
                self.clerk.run(experiment, services, number=self._store.running().number)
        _trim()
        return CurrentExperiment(experiment=experiment)

    def follow(self) -> None:
        """Take part in what another process has begun; what fails is told in the log, and changes nothing."""
        try:
            self._follow_swap()
            self._follow_experiment()
        except StoreError as error:
            _LOG.warning("Cannot learn of other bundles: %s", error)
        except BusyError:
            pass  # it may be what is under way here

    def _news(self) -> list[Swap]:
        """The last swap since the last look, if there was one."""
        return self._store.swaps(after=self._seen[-1].number if self._seen else 0)[-1:]

    def _pass_over(self, digest: str) -> None:
        """Do not follow a swap to what is here already, unless another has come since."""
        with suppress(StoreError):  # then it is looked at again, and found done
            news = self._news()
            if news and news[-1].digest == digest:
                self._seen = news

    def _tell_where_current_is(self) -> None:
        """Let the others serve what root/current points to.

        A process that was killed in a swap, or a release, may have moved it and told nobody.
        """
        digest = self.service.bundle.digest
        if [swap.digest for swap in self._seen] != [digest] and not self._news():
            try:
                self._store.announce(digest)
            except StoreError as error:
                _LOG.warning("Cannot tell the others which bundle is current: %s", error)

    def _follow_swap(self) -> None:
        if not self._news():
            return
        with self._alone():
            news = self._news()
            if not news:  # it was our own, and is done
                return
            digest = news[-1].digest
            if digest != self.service.bundle.digest:
                try:
                    self._exchange(self._loader.submit(self._loaded, self._directory(digest)).result())
                except StoreError:
                    raise
                except RecsysError as error:
                    self._told("failed")
                    _LOG.error("Cannot follow to bundle %s…: %s", digest[:12], error)
            self._seen = news

    def _follow_experiment(self) -> None:
        running = self._store.running()
        if running.number == self._ran or time.monotonic() < self._again:
            return
        with self._alone():
            try:
                told = running.experiment
                experiment = None if told is None else Experiment.model_validate_json(told)
                if experiment != self.lineup.experiment:
                    self.clerk.run(experiment, self._arms(experiment), number=running.number)
                    _trim()
            except StoreError:
                raise
            except (RecsysError, ValidationError) as error:
                _LOG.error("Cannot take part in an experiment: %s", places(error))
                self._told("failed")
                self.clerk.run(None, {}, number=running.number)  # rather none than the one before
                self._again = time.monotonic() + AGAIN_SECONDS
            else:
                self._ran = running.number

    def close(self) -> None:
        """Load and change no more."""
        self._loader.shutdown()
        self.clerk.close()

    @contextmanager
    def _alone(self, *, patience: float = 0) -> Iterator[None]:
        if not self._one_at_a_time.acquire(timeout=patience):
            raise BusyError("Another bundle is being loaded right now; try again when it is done.")
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _arms(self, experiment: Experiment | None) -> Mapping[str, Service]:
        """By digest, the bundles that an experiment needs and that are not here yet."""
        directories = {digest: self._directory(digest) for digest in self.lineup.missing(experiment)}
        return {
            digest: self._loader.submit(self._loaded, directory).result() for digest, directory in directories.items()
        }

    def _directory(self, name: str) -> Path:
        directory = (self.root / CURRENT).resolve() if name == CURRENT else self.root / name
        inside = directory.parent == self.root.resolve() if name == CURRENT else bool(_NAME.fullmatch(name))
        if not (inside and directory.is_dir()):
            raise UnknownBundleError(f"No bundle is named {name[:80]!r}; expected {CURRENT!r} or the digest of one.")
        return directory

    def _loaded(self, directory: Path) -> Service:
        service = restocked(self._open(directory))
        try:
            return service.warm_up(tuple(self._recent))
        except Exception as error:
            digest, kind = service.bundle.digest, type(error).__name__
            # the message may hold what a user has sent: it was tried on their requests
            _LOG.error("Bundle %s… cannot answer: %s", digest[:12], places(error))
            raise ArtifactError(f"Bundle {digest[:12]}… cannot answer ({kind}); release it again.") from error

    def _exchange(self, fresh: Service) -> None:
        _LOG.info("Bundle %s… takes the place of %s…", fresh.bundle.digest[:12], self.service.bundle.digest[:12])
        self.clerk.take(fresh)
        self._told("ok")
        _trim()


def _trim() -> None:
    """Give the pages of what is gone back to the system, where the C library knows how."""
    gc.collect()
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
