"""One settings of a peer on one window: what its process left."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.river import THREAD_VARIABLES
from recsys.artifacts import digest_of
from recsys.errors import RecsysError
from recsys.schema import IntArray
from tests.bench.versus_peers.worker import Settings

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What each peer is given.

    Attributes:
        trials: settings tried.
        minutes: of one fit, for those that can stop early.
        search_minutes: of all trials of a peer: none begins after them.
        threads: of every library.
        seed: of the search and the fits.
        python: of the environment with the other libraries, None without one.
    """

    trials: int
    minutes: float
    search_minutes: float
    threads: int
    seed: int
    python: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Settings and their lists.

    Attributes:
        settings: as asked.
        found: to be kept when it is fitted again.
        seconds: of the fit and its lists.
        note: what a reader should know.
        failed: why there are no lists, empty where there are.
        lists: int32 (n, k).
    """

    settings: Settings
    found: Settings
    seconds: float
    note: str
    failed: str
    lists: IntArray | None

    @classmethod
    def load(cls, file: Path) -> "Trial":
        told = json.loads(file.read_text())
        found = None if told["failed"] else np.load(file.with_suffix(".npy"), allow_pickle=False)
        return cls(**told, lists=found)

    def told(self, merit: float) -> dict[str, object]:
        """As JSON, with its merit, or why it has none."""
        facts = {"settings": self.settings, "found": self.found, "seconds": self.seconds, "note": self.note}
        return facts | ({"ndcg@10": merit} if self.lists is not None else {"failed": self.failed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Trials of one peer on one window.

    Attributes:
        peer: its name.
        module: of this package, with the peer in it.
        python: that runs it.
        window: the file.
        out: a folder of what is left.
    """

    peer: str
    module: str
    python: Path
    window: Path
    out: Path

    def tuning(self, trials: Sequence[Settings], plan: Plan) -> list[Trial]:
        """Those of the trials, in their order, that were begun within the plan's minutes."""
        return self._made(trials, plan, plan.search_minutes)

    def last(self, settings: Settings, plan: Plan) -> Trial:
        """The fit that counts; no clock keeps it from starting."""
        return self._made([settings], plan, math.inf)[0]

    def _made(self, trials: Sequence[Settings], plan: Plan, minutes: float) -> list[Trial]:
        self.out.mkdir(parents=True, exist_ok=True)
        asked = {digest_of(dict(one))[:12]: dict(one) for one in trials}
        (self.out / "asked").write_text(json.dumps(asked, indent=1))
        options = {
            "peer": self.peer,
            "window": self.window,
            "settings": self.out / "asked",
            "out": self.out,
            "minutes": plan.minutes,
            "search-minutes": minutes,
            "threads": plan.threads,
            "seed": plan.seed,
        }
        command = [self.python, "-m", f"tests.bench.versus_peers.{self.module}"]
        command += [part for name, value in options.items() for part in (f"--{name}", value)]
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": paths, **dict.fromkeys(THREAD_VARIABLES, str(plan.threads))}
        done = subprocess.run([str(part) for part in command], env=environment, stdout=sys.stderr, check=False)
        if done.returncode:
            raise RecsysError(
                f"{self.peer}: its process ended with exit code {done.returncode}; what was finished before is kept."
            )
        return [Trial.load(file) for name in asked if (file := self.out / f"{name}.json").exists()]
