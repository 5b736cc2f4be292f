"""What a process that answers is made from, wherever it runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fastapi import FastAPI

from recsys.artifacts import read_manifest
from recsys.errors import UsageError
from serving.clock import Clock, log, wall
from serving.keys import KeyRing
from serving.settings import USUAL, Settings
from serving.store import Store
from serving.stores import store_at
from serving.watch import Watcher

STATE = "state.sqlite"
LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the parts of the service lie, and how they are set.

    Attributes:
        bundles: the folder of bundles, `current` in it.
        state: what remembers what users do: a file, or the redis:// address of a server; by default the file STATE in
            a folder beside `bundles`.
        log: the folder of the policy log; by default LOG in that folder.
        keys: the file of those who may ask; without it everybody may who can reach the service.
        settings: limits and shares.
    """

    bundles: Path
    state: str | None = None
    log: Path | None = None
    keys: Path | None = None
    settings: Settings = USUAL

    def clock(self, kind: Literal["wall", "log"], *, ticks: Callable[[], int] = time.monotonic_ns) -> Clock:
        """wall: answers are true for now; log: for the end of the bundle's log or the last event posted, running on.

        Raises:
            StoreError: the state cannot be read.
        """
        if kind == "wall":
            return wall
        store = opened(self.state, self.bundles)
        try:
            return log(store.latest(), ticks=ticks)
        finally:
            store.close()

    def ring(self) -> KeyRing | None:
        """Who may ask; None where everybody may.

        Raises:
            UsageError: the file cannot be read.
        """
        return None if self.keys is None else KeyRing(self.keys)

    def app(self, *, clock: Clock, watchers: Sequence[Watcher] = ()) -> FastAPI:
        """The service.

        Args:
            clock: gives the instant an answer is true for.
            watchers: told of each request when it has ended.

        Raises:
            ArtifactError: no bundle, or one that is not whole.
            StoreError: the state cannot be read or written.
            LogError: the policy log cannot be written.
            UsageError: keys that cannot be read, or no place for state or log.
        """
        from recsys.bundle import CURRENT, KIND
        from serving.app import create_app  # what only looks after the processes that answer needs none of it
        from serving.beside import Beside
        from serving.journal import Journal
        from serving.keeping import forgotten_by

        read_manifest(self.bundles / CURRENT, kind=KIND)  # before state and log are made beside what is no bundle
        state = _state(self.state, self.bundles)
        store, folder = store_at(state), self.log or _beside(self.bundles, LOG, "folder by --log")
        return create_app(
            self.bundles,
            store=store,
            clock=clock,
            keys=self.ring(),
            limits=self.settings.limits,
            watchers=watchers,
            log=Journal(folder, forgotten=forgotten_by(store), config=self.settings.log, keeper=Beside(folder, state)),
        )


def opened(state: str | None, bundles: Path) -> Store:
    """The store that is asked for; arguments as of `Site`.

    Raises:
        StoreError: it cannot be read or written.
        UsageError: no place for it, or a library is missing.
    """
    return store_at(_state(state, bundles))


def _state(state: str | None, bundles: Path) -> str:
    return str(_beside(bundles, STATE, "file by --state")) if state is None else state


def _beside(bundles: Path, name: str, other: str) -> Path:
    folder = bundles.absolute().parent / "serving"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"Cannot keep the {Path(name).stem} in {folder}: {error.strerror}; name another {other}."
        ) from error
    return folder / name
